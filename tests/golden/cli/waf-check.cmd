bulkhead waf check rules.conf
