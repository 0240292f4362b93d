bulkhead matrix --help
