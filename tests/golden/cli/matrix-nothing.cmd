bulkhead matrix
