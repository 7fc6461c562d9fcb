from metaflow.packaging.content_type import ContentType as ContentType
