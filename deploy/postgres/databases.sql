-- Run once, when the volume is new. The service's own database, shelfwise, is made by the image.
CREATE DATABASE mlflow;
CREATE DATABASE airflow;
