// Calls a running gateway with openapi-fetch and openapi-typescript's types: fetch_client.js URL.
import { strict as assert } from "node:assert";
import createClient from "openapi-fetch";
import type { paths } from "./api";

async function main(baseUrl: string): Promise<void> {
  const client = createClient<paths>({ baseUrl });
  const path = { model: "attrition" };
  const { data: model } = await client.GET("/v1/models/{model}", { params: { path } });
  const profile = model?.champion?.exampleProfile;
  assert(profile);
  const { data } = await client.POST("/v1/models/{model}:batchPredict", { params: { path }, body: { profiles: [profile, {}] } });
  assert(data?.results?.[0]?.prediction?.probability);
  assert.equal(data.results[1]?.index, 1);
  const { error, response } = await client.POST("/v1/models/{model}:predict", { params: { path }, body: { profile: { age: 41 } } });
  assert.equal(response.status, 400);
  assert(error?.details.length);
}

main(process.argv[2] ?? "").catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
