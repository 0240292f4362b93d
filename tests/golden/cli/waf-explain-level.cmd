bulkhead waf explain 121 --rules rules-explain.conf
