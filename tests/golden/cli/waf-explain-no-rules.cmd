bulkhead waf explain 942100
