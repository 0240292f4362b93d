bulkhead waf explain 113 --rules rules-explain.conf
