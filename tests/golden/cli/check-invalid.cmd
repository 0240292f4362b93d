bulkhead check broken.yaml
