bulkhead waf explain rules.conf --rules rules-explain.conf; bulkhead waf explain --rules rules.conf
