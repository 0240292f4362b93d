mkfifo p; cat wider.yaml >p & bulkhead fmt -w p; s=$?; rm p; exit $s
