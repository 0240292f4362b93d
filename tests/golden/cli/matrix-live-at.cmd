bulkhead matrix small.yaml --live --at 03:00
