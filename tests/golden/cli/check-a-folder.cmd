bulkhead check .
