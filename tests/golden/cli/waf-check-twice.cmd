bulkhead waf check rules.conf rules.conf
