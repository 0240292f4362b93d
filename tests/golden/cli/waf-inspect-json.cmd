bulkhead waf inspect --rules rules.conf --request attack.http --json | sed 's/"nanoseconds": [0-9]*/"nanoseconds": 0/'
