bulkhead check --help
