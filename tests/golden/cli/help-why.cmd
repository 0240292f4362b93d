bulkhead why --help
