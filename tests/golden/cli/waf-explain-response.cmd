bulkhead waf explain 114 --rules rules-explain.conf
