bulkhead waf explain 130 --rules rules-explain.conf
