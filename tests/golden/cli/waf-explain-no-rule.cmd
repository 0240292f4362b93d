bulkhead waf explain 134 --rules rules-explain.conf
