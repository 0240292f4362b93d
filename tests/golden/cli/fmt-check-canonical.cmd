bulkhead fmt small.yaml >c; bulkhead fmt --check c; s=$?; rm c; exit $s
