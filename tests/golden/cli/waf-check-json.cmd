bulkhead waf check rules.conf --json
