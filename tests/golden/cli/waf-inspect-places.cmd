printf 'GET /?from=192.0.2.4 HTTP/1.1\r\n\r\n' | bulkhead waf inspect --rules rules-places.conf --request -
