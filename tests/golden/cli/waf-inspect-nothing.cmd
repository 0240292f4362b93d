bulkhead waf inspect --rules rules.conf
