bulkhead fmt --help
