bulkhead waf check
