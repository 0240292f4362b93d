bulkhead waf explain 1001 --rules rules-secret.conf rules.conf
