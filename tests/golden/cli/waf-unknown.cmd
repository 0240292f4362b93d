bulkhead waf clean rules.conf
