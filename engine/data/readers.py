"""The table of readers: one line for each kind of source."""

from __future__ import annotations

from engine.registry import Part, Registry

READERS = Registry(
    "source",
    {
        "lamoda": Part("engine.data.lamoda:LamodaReader", "Lamoda reviews: raw, sampled, with tags, labelled examples"),
        "amazon": Part("engine.data.amazon:AmazonReader", "Amazon Reviews 2014 to 2023: reviews and metadata"),
        "retailrocket": Part("engine.data.retailrocket:RetailRocketReader", "RetailRocket events and item properties"),
        "online-retail": Part("engine.data.online_retail:OnlineRetailReader", "UCI Online Retail invoices"),
        "stokman": Part("engine.data.stokman:StokmanReader", "Stokman catalogue and actions"),
        "homedepot": Part("engine.data.homedepot:HomeDepotReader", "Home Depot search judgments"),
        "movielens": Part("engine.data.movielens:MovieLensReader", "MovieLens ratings"),
        "plain": Part("engine.data.plain:PlainReader", "a CSV, JSONL or Parquet file that holds one table"),
    },
)
