bulkhead schema >&-
