bulkhead matrix small.yaml --at noon
