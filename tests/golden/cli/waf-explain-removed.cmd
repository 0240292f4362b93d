bulkhead waf explain 133 --rules rules-explain.conf
