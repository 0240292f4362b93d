bulkhead waf inspect --rules rules-shown.conf --request plain.http --response answer.http
