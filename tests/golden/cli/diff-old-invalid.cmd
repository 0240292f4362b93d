bulkhead diff broken.yaml small.yaml
