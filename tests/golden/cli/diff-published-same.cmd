sed "s/everybody-reads/all-read/" published.yaml | bulkhead diff published.yaml -
