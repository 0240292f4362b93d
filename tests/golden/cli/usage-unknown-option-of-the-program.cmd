bulkhead --json
