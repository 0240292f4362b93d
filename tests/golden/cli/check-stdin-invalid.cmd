bulkhead check - <broken.yaml
