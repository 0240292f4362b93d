bulkhead waf check rules.conf nowhere.conf
