bulkhead check - <small.yaml
