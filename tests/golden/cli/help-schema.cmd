bulkhead schema --help
