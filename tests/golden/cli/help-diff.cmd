bulkhead diff --help
