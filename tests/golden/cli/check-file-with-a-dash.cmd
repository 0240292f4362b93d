cp small.yaml ./-small.yaml; bulkhead check -- -small.yaml; s=$?; rm ./-small.yaml; exit $s
