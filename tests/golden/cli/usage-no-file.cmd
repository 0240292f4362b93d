bulkhead check
