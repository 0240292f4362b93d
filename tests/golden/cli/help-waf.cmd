bulkhead waf --help
