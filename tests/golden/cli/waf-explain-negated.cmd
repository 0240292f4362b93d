bulkhead waf explain 112 --rules rules-explain.conf
