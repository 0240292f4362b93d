bulkhead waf inspect --rules rules-shown.conf --request json.http
