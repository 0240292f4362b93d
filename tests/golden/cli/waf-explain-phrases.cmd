bulkhead waf explain 111 --rules rules-explain.conf
