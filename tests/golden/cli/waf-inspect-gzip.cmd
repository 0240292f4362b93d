(printf 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n'; printf 'a secret' | gzip) | bulkhead waf inspect --rules leak.conf --request plain.http --response -
