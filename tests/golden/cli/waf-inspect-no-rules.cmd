bulkhead waf inspect --request plain.http
