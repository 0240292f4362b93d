bulkhead waf inspect
