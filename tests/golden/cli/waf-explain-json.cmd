bulkhead waf explain 110 --rules rules-explain.conf --json
