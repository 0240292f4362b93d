bulkhead check --help >/dev/full
