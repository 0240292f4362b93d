bulkhead why
