bulkhead --version
