PRAGMA application_id = 1396918605;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE change (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  record TEXT NOT NULL
) STRICT;
INSERT INTO "change" VALUES(1,'default','{"id":"01a2075b-7953-7000-948b-e740a17ff8bd","at":1795419765039,"actor":"first","request":"1c386ffabe0af7a9a662c726573dac26","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","password"],"after":{"externalId":"ext-0","userName":"User0@Example.com","name":{"familyName":"Müller","givenName":"G0"},"displayName":"dname 0","title":"T0","active":false,"emails":[{"value":"u0@Example.com","type":"work","primary":true}]},"resourceType":"User","resource":"01a2075b-7953-7001-87f3-50314f0fb4d1","version":"1"}');
INSERT INTO "change" VALUES(2,'default','{"id":"01a2075b-7957-7000-8cbb-92b1249a81d9","at":1795419765079,"actor":"first","request":"1c386ffabe0af7a944e6ffa91ca35679","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-1","userName":"User1@Example.com","name":{"familyName":"Straße","givenName":"G1"},"displayName":"Dname 0","title":"T1","active":true,"emails":[{"value":"u1@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7953-7001-87f3-50314f0fb4d1"]}},"resourceType":"User","resource":"01a2075b-7957-7001-8c3c-4b538ceb6695","version":"1"}');
INSERT INTO "change" VALUES(3,'default','{"id":"01a2075b-7959-7000-96e9-f6512bb3861a","at":1795419765081,"actor":"first","request":"1c386ffabe0af7a9e36b382be20900cc","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-2","userName":"User2@Example.com","name":{"familyName":"O''Neil","givenName":"G2"},"displayName":"dname 0","title":"T2","active":true,"emails":[{"value":"u2@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"2","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep2","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7957-7001-8c3c-4b538ceb6695"]}},"resourceType":"User","resource":"01a2075b-7959-7001-ac05-b831898ecbce","version":"1"}');
INSERT INTO "change" VALUES(4,'default','{"id":"01a2075b-795a-7000-a46b-e8219b86c1b0","at":1795419765082,"actor":"first","request":"1c386ffabe0af7a981ef70aea76eab1f","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-3","userName":"User3@Example.com","name":{"familyName":"ﬁne","givenName":"G3"},"displayName":"quoted \"and\\ [1,2]   tab\t''","title":"T0","active":false,"emails":[{"value":"u3@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"3","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep3","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7957-7001-8c3c-4b538ceb6695"]}},"resourceType":"User","resource":"01a2075b-795a-7001-bb20-4f058e4cc392","version":"1"}');
INSERT INTO "change" VALUES(5,'default','{"id":"01a2075b-795c-7000-a150-3d5a01ef28d0","at":1795419765084,"actor":"first","request":"1c386ffabe0af7a92073a9316cd45572","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-4","userName":"User4@Example.com","name":{"familyName":"İstanbul","givenName":"G4"},"displayName":"dname 1","title":"T1","active":true,"emails":[{"value":"u4@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"4","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep0","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7959-7001-ac05-b831898ecbce"]}},"resourceType":"User","resource":"01a2075b-795c-7001-a184-c1723983229a","version":"1"}');
INSERT INTO "change" VALUES(6,'default','{"id":"01a2075b-7982-7000-a87c-8afdf5a1f35f","at":1795419765086,"actor":"first","request":"1c386ffabe0af7a9bef7e1b43239ffc5","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","password"],"after":{"externalId":"ext-5","userName":"User5@Example.com","name":{"familyName":"漢字","givenName":"G5"},"displayName":"Dname 1","title":"T2","active":true,"emails":[{"value":"u5@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"5","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7959-7001-ac05-b831898ecbce"]}},"resourceType":"User","resource":"01a2075b-7982-7001-9b29-64c677c3bedf","version":"1"}');
INSERT INTO "change" VALUES(7,'default','{"id":"01a2075b-7984-7000-a1c3-591c6f16d280","at":1795419765124,"actor":"first","request":"1c386ffabe0af7a95d7c1a36f79faa18","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-6","userName":"User6@Example.com","name":{"familyName":"Müller","givenName":"G6"},"displayName":"dname 2","title":"T0","active":false,"emails":[{"value":"u6@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"6","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep2","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-795a-7001-bb20-4f058e4cc392"]}},"resourceType":"User","resource":"01a2075b-7984-7001-ab24-9c78bf541177","version":"1"}');
INSERT INTO "change" VALUES(8,'default','{"id":"01a2075b-7986-7000-93f0-5c40d029fc7f","at":1795419765126,"actor":"first","request":"1c386ffabe0af7a9fc0052b9bd05546b","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-7","userName":"User7@Example.com","name":{"familyName":"Straße","givenName":"G7"},"displayName":"long xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","title":"T1","active":true,"emails":[{"value":"u7@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"7","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep3","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-795a-7001-bb20-4f058e4cc392"]}},"resourceType":"User","resource":"01a2075b-7986-7001-8e83-84fb0ed1d846","version":"1"}');
INSERT INTO "change" VALUES(9,'default','{"id":"01a2075b-7988-7000-b63f-4d6a6e9cf4d4","at":1795419765128,"actor":"first","request":"1c386ffabe0af7a99a848b3c826afebe","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-8","userName":"User8@Example.com","name":{"familyName":"O''Neil","givenName":"G8"},"displayName":"dname 2","title":"T2","active":true,"emails":[{"value":"u8@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"8","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep0","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-795c-7001-a184-c1723983229a"]}},"resourceType":"User","resource":"01a2075b-7988-7001-9062-f7deb564d2e5","version":"1"}');
INSERT INTO "change" VALUES(10,'default','{"id":"01a2075b-7989-7000-9e81-5d08c4b1dd5b","at":1795419765129,"actor":"first","request":"1c386ffabe0af7a93908c3bf47d0a911","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-9","userName":"User9@Example.com","name":{"familyName":"ﬁne","givenName":"G9"},"displayName":"Dname 3","title":"T0","active":false,"emails":[{"value":"u9@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"9","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-795c-7001-a184-c1723983229a"]}},"resourceType":"User","resource":"01a2075b-7989-7001-a2ef-d28af15ab937","version":"1"}');
INSERT INTO "change" VALUES(11,'default','{"id":"01a2075b-79a7-7000-9a48-e5b0ea00b9c9","at":1795419765130,"actor":"first","request":"1c386ffabe0af7a9d78cfc420d365364","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","password"],"after":{"externalId":"ext-10","userName":"User10@Example.com","name":{"familyName":"İstanbul","givenName":"G10"},"displayName":"dname 3","title":"T1","active":true,"emails":[{"value":"u10@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"10","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep2","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7982-7001-9b29-64c677c3bedf"]}},"resourceType":"User","resource":"01a2075b-79a7-7001-a7b0-b8493d0e2610","version":"1"}');
INSERT INTO "change" VALUES(12,'default','{"id":"01a2075b-79aa-7000-9970-1bec3cb245b1","at":1795419765162,"actor":"first","request":"1c386ffabe0af7a9761134c4d29bfdb7","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-11","userName":"User11@Example.com","name":{"familyName":"漢字","givenName":"G11"},"displayName":"Dname 3","title":"T2","active":true,"emails":[{"value":"u11@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"11","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep3","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7982-7001-9b29-64c677c3bedf"]}},"resourceType":"User","resource":"01a2075b-79aa-7001-9df2-450285cf5472","version":"1"}');
INSERT INTO "change" VALUES(13,'default','{"id":"01a2075b-79ac-7000-8e09-bd5642f023de","at":1795419765164,"actor":"first","request":"1c386ffabe0af7a914956d479801a80a","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-12","userName":"User12@Example.com","name":{"familyName":"Müller","givenName":"G12"},"displayName":"dname 4","title":"T0","active":false,"emails":[{"value":"u12@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"12","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep0","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7984-7001-ab24-9c78bf541177"]}},"resourceType":"User","resource":"01a2075b-79ac-7001-b697-00f917d0f05d","version":"1"}');
INSERT INTO "change" VALUES(14,'default','{"id":"01a2075b-79ad-7000-a9b2-f2f76f035e59","at":1795419765165,"actor":"first","request":"1c386ffabe0af7a9b319a5ca5d67525d","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-13","userName":"User13@Example.com","name":{"familyName":"Straße","givenName":"G13"},"displayName":"Dname 4","title":"T1","active":true,"emails":[{"value":"u13@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"13","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7984-7001-ab24-9c78bf541177"]}},"resourceType":"User","resource":"01a2075b-79ad-7001-a7d5-f05008cde855","version":"1"}');
INSERT INTO "change" VALUES(15,'default','{"id":"01a2075b-79af-7000-b716-563d9f662bdb","at":1795419765167,"actor":"first","request":"1c386ffabe0af7a9519dde4d22ccfcb0","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-14","userName":"User14@Example.com","name":{"familyName":"O''Neil","givenName":"G14"},"displayName":"dname 4","title":"T2","active":true,"emails":[{"value":"u14@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"14","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep2","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7986-7001-8e83-84fb0ed1d846"]}},"resourceType":"User","resource":"01a2075b-79af-7001-8cfe-317b956feff6","version":"1"}');
INSERT INTO "change" VALUES(16,'default','{"id":"01a2075b-79c7-7000-9c0b-3ab1732956f6","at":1795419765168,"actor":"first","request":"1c386ffabe0af7a9f02216cfe832a703","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","password"],"after":{"externalId":"ext-15","userName":"User15@Example.com","name":{"familyName":"ﬁne","givenName":"G15"},"displayName":"Dname 5","title":"T0","active":false,"emails":[{"value":"u15@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"15","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep3","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-7986-7001-8e83-84fb0ed1d846"]}},"resourceType":"User","resource":"01a2075b-79c7-7001-b6cc-a26e597560ad","version":"1"}');
INSERT INTO "change" VALUES(17,'default','{"id":"01a2075b-79c9-7000-b926-edbec0479e18","at":1795419765193,"actor":"first","request":"1c386ffabe0af7a98ea64f52ad985156","verb":"create","attributes":["externalId","displayName"],"after":{"externalId":"g0","displayName":"Group 0"},"resourceType":"Group","resource":"01a2075b-79c9-7001-8bca-bf471ce78d09","version":"1"}');
INSERT INTO "change" VALUES(18,'default','{"id":"01a2075b-79cb-7000-adf0-565361a85af0","at":1795419765195,"actor":"first","request":"1c386ffabe0af7a92d2a87d572fdfba9","verb":"create","attributes":["externalId","displayName","members"],"after":{"externalId":"g1","displayName":"Group 1","members":{"added":["01a2075b-7953-7001-87f3-50314f0fb4d1","01a2075b-79c9-7001-8bca-bf471ce78d09"]}},"resourceType":"Group","resource":"01a2075b-79cb-7001-8f80-0a3e1c68e17f","version":"1"}');
INSERT INTO "change" VALUES(19,'default','{"id":"01a2075b-79cc-7000-ab4a-b75d4e90956f","at":1795419765196,"actor":"first","request":"1c386ffabe0af7a9cbaec0583863a5fc","verb":"create","attributes":["externalId","displayName","members"],"after":{"externalId":"g2","displayName":"Group 2","members":{"added":["01a2075b-7953-7001-87f3-50314f0fb4d1","01a2075b-7957-7001-8c3c-4b538ceb6695","01a2075b-7959-7001-ac05-b831898ecbce","01a2075b-795a-7001-bb20-4f058e4cc392","01a2075b-795c-7001-a184-c1723983229a","01a2075b-79cb-7001-8f80-0a3e1c68e17f"]}},"resourceType":"Group","resource":"01a2075b-79cc-7001-8ad7-9d3677d04e99","version":"1"}');
INSERT INTO "change" VALUES(20,'default','{"id":"01a2075b-79cd-7000-94e5-c72932c7989b","at":1795419765197,"actor":"first","request":"1c386ffabe0af7a96a32f8dafdc9504f","verb":"create","attributes":["externalId","displayName","members"],"after":{"externalId":"g3","displayName":"Group 3","members":{"added":["01a2075b-7953-7001-87f3-50314f0fb4d1","01a2075b-7957-7001-8c3c-4b538ceb6695","01a2075b-7959-7001-ac05-b831898ecbce","01a2075b-795a-7001-bb20-4f058e4cc392","01a2075b-795c-7001-a184-c1723983229a","01a2075b-7982-7001-9b29-64c677c3bedf","01a2075b-7984-7001-ab24-9c78bf541177","01a2075b-7986-7001-8e83-84fb0ed1d846","01a2075b-7988-7001-9062-f7deb564d2e5","01a2075b-7989-7001-a2ef-d28af15ab937","01a2075b-79a7-7001-a7b0-b8493d0e2610","01a2075b-79aa-7001-9df2-450285cf5472","01a2075b-79ac-7001-b697-00f917d0f05d","01a2075b-79ad-7001-a7d5-f05008cde855","01a2075b-79af-7001-8cfe-317b956feff6","01a2075b-79c7-7001-b6cc-a26e597560ad","01a2075b-79cc-7001-8ad7-9d3677d04e99"]}},"resourceType":"Group","resource":"01a2075b-79cd-7001-8df6-b08df161f536","version":"1"}');
INSERT INTO "change" VALUES(21,'default','{"id":"01a2075b-79ce-7000-8ef7-3819b84c494c","at":1795419765198,"actor":"first","request":"1c386ffabe0af7a908b7315dc32efaa2","verb":"patch","attributes":["title"],"before":{"title":"T0"},"after":{"title":"changed"},"resourceType":"User","resource":"01a2075b-7953-7001-87f3-50314f0fb4d1","version":"2"}');
INSERT INTO "change" VALUES(22,'default','{"id":"01a2075b-79d0-7000-9e07-9a504f915bd6","at":1795419765200,"actor":"first","request":"1c386ffabe0af7a9a73b69e08894a4f5","verb":"patch","attributes":["title"],"before":{"title":"T1"},"after":{"title":"changed"},"resourceType":"User","resource":"01a2075b-795c-7001-a184-c1723983229a","version":"2"}');
INSERT INTO "change" VALUES(23,'default','{"id":"01a2075b-79d1-7000-b765-d4c4ff173408","at":1795419765201,"actor":"first","request":"1c386ffabe0af7a945bfa2634dfa4f48","verb":"patch","attributes":["title"],"before":{"title":"T2"},"after":{"title":"changed"},"resourceType":"User","resource":"01a2075b-7988-7001-9062-f7deb564d2e5","version":"2"}');
INSERT INTO "change" VALUES(24,'default','{"id":"01a2075b-79d2-7000-a63e-3491a9f2f2d8","at":1795419765202,"actor":"first","request":"1c386ffabe0af7a9e443dae6135ff99b","verb":"patch","attributes":["title"],"before":{"title":"T0"},"after":{"title":"changed"},"resourceType":"User","resource":"01a2075b-79ac-7001-b697-00f917d0f05d","version":"2"}');
INSERT INTO "change" VALUES(25,'default','{"id":"01a2075b-79d3-7000-92f6-b34096c5b0ed","at":1795419765203,"actor":"first","request":"1c386ffabe0af7a982c81368d8c5a3ee","verb":"patch","attributes":["members"],"after":{"members":{"added":["01a2075b-7989-7001-a2ef-d28af15ab937"]}},"resourceType":"Group","resource":"01a2075b-79cb-7001-8f80-0a3e1c68e17f","version":"2"}');
INSERT INTO "change" VALUES(26,'default','{"id":"01a2075b-79d4-7000-a321-de0b1a6477d8","at":1795419765204,"actor":"first","request":"1c386ffabe0af7a9214c4beb9e2b4e41","verb":"patch","attributes":["members"],"after":{"members":{"removed":["01a2075b-79ac-7001-b697-00f917d0f05d"]}},"resourceType":"Group","resource":"01a2075b-79cd-7001-8df6-b08df161f536","version":"2"}');
INSERT INTO "change" VALUES(27,'default','{"id":"01a2075b-79d5-7000-a63c-fa70950f57f1","at":1795419765205,"actor":"first","request":"1c386ffabe0af7a9bfd0846e6390f894","verb":"patch","attributes":["displayName"],"before":{"displayName":"Group 2"},"after":{"displayName":"Renamed \"group\""},"resourceType":"Group","resource":"01a2075b-79cc-7001-8ad7-9d3677d04e99","version":"2"}');
INSERT INTO "change" VALUES(28,'default','{"id":"01a2075b-79d6-7000-aa60-fc7f3d2f2414","at":1795419765206,"actor":"first","request":"1c386ffabe0af7a95e54bcf128f6a2e7","verb":"delete","attributes":[],"resourceType":"User","resource":"01a2075b-79af-7001-8cfe-317b956feff6","version":"1"}');
INSERT INTO "change" VALUES(29,'default','{"id":"01a2075b-79d6-7000-aa60-fc7f3d2f2414/01a2075b-79cd-7001-8df6-b08df161f536","at":1795419765206,"actor":"first","request":"1c386ffabe0af7a95e54bcf128f6a2e7","verb":"release","attributes":["members"],"resourceType":"Group","resource":"01a2075b-79cd-7001-8df6-b08df161f536","version":"3"}');
CREATE TABLE claim (
  tenant TEXT NOT NULL,
  kind   TEXT NOT NULL,
  attr   TEXT NOT NULL,
  token  TEXT NOT NULL,
  owner  TEXT NOT NULL,
  holder TEXT NOT NULL,
  PRIMARY KEY (tenant, kind, attr, token)
) STRICT, WITHOUT ROWID;
INSERT INTO "claim" VALUES('default','User','userName','user0@example.com','default','01a2075b-7953-7001-87f3-50314f0fb4d1');
INSERT INTO "claim" VALUES('default','User','userName','user1@example.com','default','01a2075b-7957-7001-8c3c-4b538ceb6695');
INSERT INTO "claim" VALUES('default','User','userName','user2@example.com','default','01a2075b-7959-7001-ac05-b831898ecbce');
INSERT INTO "claim" VALUES('default','User','userName','user3@example.com','default','01a2075b-795a-7001-bb20-4f058e4cc392');
INSERT INTO "claim" VALUES('default','User','userName','user4@example.com','default','01a2075b-795c-7001-a184-c1723983229a');
INSERT INTO "claim" VALUES('default','User','userName','user5@example.com','default','01a2075b-7982-7001-9b29-64c677c3bedf');
INSERT INTO "claim" VALUES('default','User','userName','user6@example.com','default','01a2075b-7984-7001-ab24-9c78bf541177');
INSERT INTO "claim" VALUES('default','User','userName','user7@example.com','default','01a2075b-7986-7001-8e83-84fb0ed1d846');
INSERT INTO "claim" VALUES('default','User','userName','user8@example.com','default','01a2075b-7988-7001-9062-f7deb564d2e5');
INSERT INTO "claim" VALUES('default','User','userName','user9@example.com','default','01a2075b-7989-7001-a2ef-d28af15ab937');
INSERT INTO "claim" VALUES('default','User','userName','user10@example.com','default','01a2075b-79a7-7001-a7b0-b8493d0e2610');
INSERT INTO "claim" VALUES('default','User','userName','user11@example.com','default','01a2075b-79aa-7001-9df2-450285cf5472');
INSERT INTO "claim" VALUES('default','User','userName','user12@example.com','default','01a2075b-79ac-7001-b697-00f917d0f05d');
INSERT INTO "claim" VALUES('default','User','userName','user13@example.com','default','01a2075b-79ad-7001-a7d5-f05008cde855');
INSERT INTO "claim" VALUES('default','User','userName','user15@example.com','default','01a2075b-79c7-7001-b6cc-a26e597560ad');
INSERT INTO "claim" VALUES('default','Group','displayName','group 0','default','01a2075b-79c9-7001-8bca-bf471ce78d09');
INSERT INTO "claim" VALUES('default','Group','displayName','group 1','default','01a2075b-79cb-7001-8f80-0a3e1c68e17f');
INSERT INTO "claim" VALUES('default','Group','displayName','renamed "group"','default','01a2075b-79cc-7001-8ad7-9d3677d04e99');
INSERT INTO "claim" VALUES('default','Group','displayName','group 3','default','01a2075b-79cd-7001-8df6-b08df161f536');
CREATE TABLE consumer (
  name TEXT PRIMARY KEY,
  upto INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE credential (
  digest    BLOB PRIMARY KEY,
  tenant    TEXT NOT NULL,
  name      TEXT NOT NULL,
  rights    TEXT NOT NULL,
  profile   TEXT,
  subject   TEXT,
  created   INTEGER NOT NULL,
  expires   INTEGER,
  last_used INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "credential" VALUES(X'40C0B4EED87FA8BEB877CDC1A63E639F9D31D2E7199F301D9931A221EF93B7F9','default','first','["write"]',NULL,NULL,1795419765005,1826955765005,1795419765038);
CREATE TABLE extent (
  tenant     TEXT NOT NULL,
  kind       TEXT NOT NULL,
  n          INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  ordered    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO "extent" VALUES('','',0,6,0);
INSERT INTO "extent" VALUES('default','Group',4,2,1);
INSERT INTO "extent" VALUES('default','User',15,1,1);
INSERT INTO "extent" VALUES('off','Group',0,4,0);
INSERT INTO "extent" VALUES('off','User',0,3,0);
INSERT INTO "extent" VALUES('two','Group',0,6,0);
INSERT INTO "extent" VALUES('two','User',0,5,0);
CREATE TABLE generation (n INTEGER NOT NULL) STRICT;
INSERT INTO "generation" VALUES(8);
CREATE TABLE indexed (
  tenant TEXT NOT NULL,
  kind   TEXT NOT NULL,
  attr   TEXT NOT NULL,
  via    TEXT NOT NULL,
  path   TEXT NOT NULL,
  rule   TEXT NOT NULL,
  single INTEGER NOT NULL,
  search INTEGER NOT NULL,
  state  INTEGER NOT NULL,
  n      INTEGER NOT NULL,
  PRIMARY KEY (tenant, kind, attr)
) STRICT, WITHOUT ROWID;
INSERT INTO "indexed" VALUES('default','Group','displayName','term','["displayName"]','folded',1,1,1,4);
INSERT INTO "indexed" VALUES('default','Group','externalId','term','["externalId"]','exact',1,0,1,4);
INSERT INTO "indexed" VALUES('default','User','displayName','term','["displayName"]','folded',1,1,1,15);
INSERT INTO "indexed" VALUES('default','User','emails.value','term','["emails","value"]','folded',0,0,1,15);
INSERT INTO "indexed" VALUES('default','User','externalId','term','["externalId"]','exact',1,0,1,15);
INSERT INTO "indexed" VALUES('default','User','title','term','["title"]','folded',1,1,1,15);
INSERT INTO "indexed" VALUES('default','User','userName','claim','["userName"]','username',1,1,1,15);
INSERT INTO "indexed" VALUES('off','Group','displayName','term','["displayName"]','folded',1,1,1,0);
INSERT INTO "indexed" VALUES('off','Group','externalId','term','["externalId"]','exact',1,0,1,0);
INSERT INTO "indexed" VALUES('off','User','displayName','term','["displayName"]','folded',1,1,1,0);
INSERT INTO "indexed" VALUES('off','User','emails.value','term','["emails","value"]','folded',0,0,1,0);
INSERT INTO "indexed" VALUES('off','User','externalId','term','["externalId"]','exact',1,0,1,0);
INSERT INTO "indexed" VALUES('off','User','title','term','["title"]','folded',1,1,1,0);
INSERT INTO "indexed" VALUES('off','User','userName','claim','["userName"]','username',1,1,1,0);
INSERT INTO "indexed" VALUES('two','Group','displayName','term','["displayName"]','folded',1,1,1,0);
INSERT INTO "indexed" VALUES('two','Group','externalId','term','["externalId"]','exact',1,0,1,0);
INSERT INTO "indexed" VALUES('two','User','displayName','term','["displayName"]','folded',1,1,1,0);
INSERT INTO "indexed" VALUES('two','User','emails.value','term','["emails","value"]','folded',0,0,1,0);
INSERT INTO "indexed" VALUES('two','User','externalId','term','["externalId"]','exact',1,0,1,0);
INSERT INTO "indexed" VALUES('two','User','title','term','["title"]','folded',1,1,1,0);
INSERT INTO "indexed" VALUES('two','User','userName','claim','["userName"]','username',1,1,1,0);
CREATE TABLE link (
  tenant      TEXT NOT NULL,
  holder      TEXT NOT NULL,
  attr        TEXT NOT NULL,
  target      TEXT NOT NULL,
  holder_kind TEXT NOT NULL,
  target_kind TEXT NOT NULL,
  display     TEXT,
  PRIMARY KEY (tenant, holder, attr, target)
) STRICT, WITHOUT ROWID;
INSERT INTO "link" VALUES('default','01a2075b-7957-7001-8c3c-4b538ceb6695','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-7953-7001-87f3-50314f0fb4d1','User','User','dname 0');
INSERT INTO "link" VALUES('default','01a2075b-7959-7001-ac05-b831898ecbce','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-7957-7001-8c3c-4b538ceb6695','User','User','Dname 0');
INSERT INTO "link" VALUES('default','01a2075b-795a-7001-bb20-4f058e4cc392','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-7957-7001-8c3c-4b538ceb6695','User','User','Dname 0');
INSERT INTO "link" VALUES('default','01a2075b-795c-7001-a184-c1723983229a','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-7959-7001-ac05-b831898ecbce','User','User','dname 0');
INSERT INTO "link" VALUES('default','01a2075b-7982-7001-9b29-64c677c3bedf','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-7959-7001-ac05-b831898ecbce','User','User','dname 0');
INSERT INTO "link" VALUES('default','01a2075b-7984-7001-ab24-9c78bf541177','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-795a-7001-bb20-4f058e4cc392','User','User','quoted "and\ [1,2]   tab	''');
INSERT INTO "link" VALUES('default','01a2075b-7986-7001-8e83-84fb0ed1d846','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-795a-7001-bb20-4f058e4cc392','User','User','quoted "and\ [1,2]   tab	''');
INSERT INTO "link" VALUES('default','01a2075b-7988-7001-9062-f7deb564d2e5','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-795c-7001-a184-c1723983229a','User','User','dname 1');
INSERT INTO "link" VALUES('default','01a2075b-7989-7001-a2ef-d28af15ab937','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-795c-7001-a184-c1723983229a','User','User','dname 1');
INSERT INTO "link" VALUES('default','01a2075b-79a7-7001-a7b0-b8493d0e2610','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-7982-7001-9b29-64c677c3bedf','User','User','Dname 1');
INSERT INTO "link" VALUES('default','01a2075b-79aa-7001-9df2-450285cf5472','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-7982-7001-9b29-64c677c3bedf','User','User','Dname 1');
INSERT INTO "link" VALUES('default','01a2075b-79ac-7001-b697-00f917d0f05d','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-7984-7001-ab24-9c78bf541177','User','User','dname 2');
INSERT INTO "link" VALUES('default','01a2075b-79ad-7001-a7d5-f05008cde855','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-7984-7001-ab24-9c78bf541177','User','User','dname 2');
INSERT INTO "link" VALUES('default','01a2075b-79c7-7001-b6cc-a26e597560ad','urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager','01a2075b-7986-7001-8e83-84fb0ed1d846','User','User','long xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx');
INSERT INTO "link" VALUES('default','01a2075b-79cb-7001-8f80-0a3e1c68e17f','members','01a2075b-7953-7001-87f3-50314f0fb4d1','Group','User','dname 0');
INSERT INTO "link" VALUES('default','01a2075b-79cb-7001-8f80-0a3e1c68e17f','members','01a2075b-7989-7001-a2ef-d28af15ab937','Group','User','Dname 3');
INSERT INTO "link" VALUES('default','01a2075b-79cb-7001-8f80-0a3e1c68e17f','members','01a2075b-79c9-7001-8bca-bf471ce78d09','Group','Group','Group 0');
INSERT INTO "link" VALUES('default','01a2075b-79cc-7001-8ad7-9d3677d04e99','members','01a2075b-7953-7001-87f3-50314f0fb4d1','Group','User','dname 0');
INSERT INTO "link" VALUES('default','01a2075b-79cc-7001-8ad7-9d3677d04e99','members','01a2075b-7957-7001-8c3c-4b538ceb6695','Group','User','Dname 0');
INSERT INTO "link" VALUES('default','01a2075b-79cc-7001-8ad7-9d3677d04e99','members','01a2075b-7959-7001-ac05-b831898ecbce','Group','User','dname 0');
INSERT INTO "link" VALUES('default','01a2075b-79cc-7001-8ad7-9d3677d04e99','members','01a2075b-795a-7001-bb20-4f058e4cc392','Group','User','quoted "and\ [1,2]   tab	''');
INSERT INTO "link" VALUES('default','01a2075b-79cc-7001-8ad7-9d3677d04e99','members','01a2075b-795c-7001-a184-c1723983229a','Group','User','dname 1');
INSERT INTO "link" VALUES('default','01a2075b-79cc-7001-8ad7-9d3677d04e99','members','01a2075b-79cb-7001-8f80-0a3e1c68e17f','Group','Group','Group 1');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-7953-7001-87f3-50314f0fb4d1','Group','User','dname 0');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-7957-7001-8c3c-4b538ceb6695','Group','User','Dname 0');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-7959-7001-ac05-b831898ecbce','Group','User','dname 0');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-795a-7001-bb20-4f058e4cc392','Group','User','quoted "and\ [1,2]   tab	''');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-795c-7001-a184-c1723983229a','Group','User','dname 1');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-7982-7001-9b29-64c677c3bedf','Group','User','Dname 1');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-7984-7001-ab24-9c78bf541177','Group','User','dname 2');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-7986-7001-8e83-84fb0ed1d846','Group','User','long xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-7988-7001-9062-f7deb564d2e5','Group','User','dname 2');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-7989-7001-a2ef-d28af15ab937','Group','User','Dname 3');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-79a7-7001-a7b0-b8493d0e2610','Group','User','dname 3');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-79aa-7001-9df2-450285cf5472','Group','User','Dname 3');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-79ad-7001-a7d5-f05008cde855','Group','User','Dname 4');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-79c7-7001-b6cc-a26e597560ad','Group','User','Dname 5');
INSERT INTO "link" VALUES('default','01a2075b-79cd-7001-8df6-b08df161f536','members','01a2075b-79cc-7001-8ad7-9d3677d04e99','Group','Group','Renamed "group"');
CREATE TABLE note (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "note" VALUES('cursor.key',X'4DDF621953D63767F4B032B2CB368D886088A1B785EA375FE24CDDC64FE358E7');
INSERT INTO "note" VALUES('first_start',X'646F6E65');
INSERT INTO "note" VALUES('schemas.fingerprint',X'64613865613235666237633439666464643363653964373238656536323430303364663062376638666166393034326539316334323939346536376564613530');
INSERT INTO "note" VALUES('schemas.names',X'5B2224726566222C22616374697665222C22616464726573736573222C22636F737443656E746572222C22636F756E747279222C226465706172746D656E74222C22646973706C6179222C22646973706C61794E616D65222C226469766973696F6E222C22656D61696C73222C22656D706C6F7965654E756D626572222C22656E7469746C656D656E7473222C2266616D696C794E616D65222C22666F726D6174746564222C22676976656E4E616D65222C2267726F757073222C22686F6E6F7269666963507265666978222C22686F6E6F7269666963537566666978222C22696D73222C226C6F63616C65222C226C6F63616C697479222C226D616E61676572222C226D656D62657273222C226D6964646C654E616D65222C226E616D65222C226E69636B4E616D65222C226F7267616E697A6174696F6E222C2270617373776F7264222C2270686F6E654E756D62657273222C2270686F746F73222C22706F7374616C436F6465222C227072656665727265644C616E6775616765222C227072696D617279222C2270726F66696C6555726C222C22726567696F6E222C22726F6C6573222C2273747265657441646472657373222C2274696D657A6F6E65222C227469746C65222C2274797065222C2275726E3A696574663A706172616D733A7363696D3A736368656D61733A657874656E73696F6E3A656E74657270726973653A322E303A55736572222C22757365724E616D65222C227573657254797065222C2276616C7565222C2278353039436572746966696361746573225D');
CREATE TABLE resource (
  seq      INTEGER PRIMARY KEY,
  tenant   TEXT NOT NULL,
  kind     TEXT NOT NULL,
  id       TEXT NOT NULL,
  version  INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  linked   INTEGER NOT NULL,
  label    TEXT,
  document TEXT NOT NULL,
  UNIQUE (tenant, kind, id)
) STRICT;
INSERT INTO "resource" VALUES(4096,'default','User','01a2075b-7953-7001-87f3-50314f0fb4d1',2,1795419765039,1795419765198,0,'dname 0','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"ext-0","userName":"User0@Example.com","name":{"familyName":"Müller","givenName":"G0"},"displayName":"dname 0","title":"changed","active":false,"emails":[{"value":"u0@Example.com","type":"work","primary":true}]}');
INSERT INTO "resource" VALUES(8192,'default','User','01a2075b-7957-7001-8c3c-4b538ceb6695',1,1795419765079,1795419765079,1,'Dname 0','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-1","userName":"User1@Example.com","name":{"familyName":"Straße","givenName":"G1"},"displayName":"Dname 0","title":"T1","active":true,"emails":[{"value":"u1@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"1","department":"Dep1"}}');
INSERT INTO "resource" VALUES(12288,'default','User','01a2075b-7959-7001-ac05-b831898ecbce',1,1795419765081,1795419765081,1,'dname 0','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-2","userName":"User2@Example.com","name":{"familyName":"O''Neil","givenName":"G2"},"displayName":"dname 0","title":"T2","active":true,"emails":[{"value":"u2@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"2","department":"Dep2"}}');
INSERT INTO "resource" VALUES(16384,'default','User','01a2075b-795a-7001-bb20-4f058e4cc392',1,1795419765082,1795419765082,1,'quoted "and\ [1,2]   tab	''','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-3","userName":"User3@Example.com","name":{"familyName":"ﬁne","givenName":"G3"},"displayName":"quoted \"and\\ [1,2]   tab\t''","title":"T0","active":false,"emails":[{"value":"u3@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"3","department":"Dep3"}}');
INSERT INTO "resource" VALUES(20480,'default','User','01a2075b-795c-7001-a184-c1723983229a',2,1795419765084,1795419765200,1,'dname 1','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-4","userName":"User4@Example.com","name":{"familyName":"İstanbul","givenName":"G4"},"displayName":"dname 1","title":"changed","active":true,"emails":[{"value":"u4@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"4","department":"Dep0"}}');
INSERT INTO "resource" VALUES(24576,'default','User','01a2075b-7982-7001-9b29-64c677c3bedf',1,1795419765086,1795419765086,1,'Dname 1','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-5","userName":"User5@Example.com","name":{"familyName":"漢字","givenName":"G5"},"displayName":"Dname 1","title":"T2","active":true,"emails":[{"value":"u5@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"5","department":"Dep1"}}');
INSERT INTO "resource" VALUES(28672,'default','User','01a2075b-7984-7001-ab24-9c78bf541177',1,1795419765124,1795419765124,1,'dname 2','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-6","userName":"User6@Example.com","name":{"familyName":"Müller","givenName":"G6"},"displayName":"dname 2","title":"T0","active":false,"emails":[{"value":"u6@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"6","department":"Dep2"}}');
INSERT INTO "resource" VALUES(32768,'default','User','01a2075b-7986-7001-8e83-84fb0ed1d846',1,1795419765126,1795419765126,1,'long xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-7","userName":"User7@Example.com","name":{"familyName":"Straße","givenName":"G7"},"displayName":"long xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","title":"T1","active":true,"emails":[{"value":"u7@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"7","department":"Dep3"}}');
INSERT INTO "resource" VALUES(36864,'default','User','01a2075b-7988-7001-9062-f7deb564d2e5',2,1795419765128,1795419765201,1,'dname 2','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-8","userName":"User8@Example.com","name":{"familyName":"O''Neil","givenName":"G8"},"displayName":"dname 2","title":"changed","active":true,"emails":[{"value":"u8@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"8","department":"Dep0"}}');
INSERT INTO "resource" VALUES(40960,'default','User','01a2075b-7989-7001-a2ef-d28af15ab937',1,1795419765129,1795419765129,1,'Dname 3','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-9","userName":"User9@Example.com","name":{"familyName":"ﬁne","givenName":"G9"},"displayName":"Dname 3","title":"T0","active":false,"emails":[{"value":"u9@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"9","department":"Dep1"}}');
INSERT INTO "resource" VALUES(45056,'default','User','01a2075b-79a7-7001-a7b0-b8493d0e2610',1,1795419765130,1795419765130,1,'dname 3','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-10","userName":"User10@Example.com","name":{"familyName":"İstanbul","givenName":"G10"},"displayName":"dname 3","title":"T1","active":true,"emails":[{"value":"u10@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"10","department":"Dep2"}}');
INSERT INTO "resource" VALUES(49152,'default','User','01a2075b-79aa-7001-9df2-450285cf5472',1,1795419765162,1795419765162,1,'Dname 3','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-11","userName":"User11@Example.com","name":{"familyName":"漢字","givenName":"G11"},"displayName":"Dname 3","title":"T2","active":true,"emails":[{"value":"u11@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"11","department":"Dep3"}}');
INSERT INTO "resource" VALUES(53248,'default','User','01a2075b-79ac-7001-b697-00f917d0f05d',2,1795419765164,1795419765202,1,'dname 4','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-12","userName":"User12@Example.com","name":{"familyName":"Müller","givenName":"G12"},"displayName":"dname 4","title":"changed","active":false,"emails":[{"value":"u12@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"12","department":"Dep0"}}');
INSERT INTO "resource" VALUES(57344,'default','User','01a2075b-79ad-7001-a7d5-f05008cde855',1,1795419765165,1795419765165,1,'Dname 4','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-13","userName":"User13@Example.com","name":{"familyName":"Straße","givenName":"G13"},"displayName":"Dname 4","title":"T1","active":true,"emails":[{"value":"u13@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"13","department":"Dep1"}}');
INSERT INTO "resource" VALUES(65536,'default','User','01a2075b-79c7-7001-b6cc-a26e597560ad',1,1795419765168,1795419765168,1,'Dname 5','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-15","userName":"User15@Example.com","name":{"familyName":"ﬁne","givenName":"G15"},"displayName":"Dname 5","title":"T0","active":false,"emails":[{"value":"u15@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"15","department":"Dep3"}}');
INSERT INTO "resource" VALUES(69632,'default','Group','01a2075b-79c9-7001-8bca-bf471ce78d09',1,1795419765193,1795419765193,0,'Group 0','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"g0","displayName":"Group 0"}');
INSERT INTO "resource" VALUES(73728,'default','Group','01a2075b-79cb-7001-8f80-0a3e1c68e17f',2,1795419765195,1795419765203,1,'Group 1','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"g1","displayName":"Group 1"}');
INSERT INTO "resource" VALUES(77824,'default','Group','01a2075b-79cc-7001-8ad7-9d3677d04e99',2,1795419765196,1795419765205,1,'Renamed "group"','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"g2","displayName":"Renamed \"group\""}');
INSERT INTO "resource" VALUES(81920,'default','Group','01a2075b-79cd-7001-8df6-b08df161f536',3,1795419765197,1795419765206,1,'Group 3','{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"g3","displayName":"Group 3"}');
CREATE TABLE search (
  number INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  kind   TEXT NOT NULL,
  attrs  TEXT NOT NULL,
  state  INTEGER NOT NULL
) STRICT;
CREATE TABLE secret (
  tenant TEXT NOT NULL,
  holder TEXT NOT NULL,
  attr   TEXT NOT NULL,
  hash   TEXT NOT NULL,
  PRIMARY KEY (tenant, holder, attr)
) STRICT, WITHOUT ROWID;
INSERT INTO "secret" VALUES('default','01a2075b-7953-7001-87f3-50314f0fb4d1','password','$argon2id$v=19$m=19456,t=2,p=1$+3zdtQFfrin54O3H2qh+hA$VBVT9uONxW7nSClLsCH5p7+JKphYUQ30TWnH9aUKWio');
INSERT INTO "secret" VALUES('default','01a2075b-7982-7001-9b29-64c677c3bedf','password','$argon2id$v=19$m=19456,t=2,p=1$L1x6Dtx6aqQfOXlCa1kVaQ$UabgRvWW5atajXzb2tE6fG7h048aNy4gCFYIsKl0PVs');
INSERT INTO "secret" VALUES('default','01a2075b-79a7-7001-a7b0-b8493d0e2610','password','$argon2id$v=19$m=19456,t=2,p=1$FDZJUIE94SfWqrrntTm8FQ$4lVI+BVbm+yp4FIfzTm0Fvt5k0+6N4rwADtjm+5wjHo');
INSERT INTO "secret" VALUES('default','01a2075b-79c7-7001-b6cc-a26e597560ad','password','$argon2id$v=19$m=19456,t=2,p=1$AMFt1bI9Xe1CHOl71lgvEA$91/Gddeh2ymp6ZMqOMz7lZKTLigoSq8cuOOlPnnHY70');
CREATE TABLE tenant (
  id       TEXT PRIMARY KEY,
  disabled INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  settings TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "tenant" VALUES('default',0,1795419765005,'{}');
INSERT INTO "tenant" VALUES('off',1,1795419765222,'{}');
INSERT INTO "tenant" VALUES('two',0,1795419765213,'{"profile":"entra","require_if_match":true}');
CREATE TABLE term (
  tenant TEXT NOT NULL,
  kind   TEXT NOT NULL,
  attr   TEXT NOT NULL,
  token  TEXT NOT NULL,
  holder TEXT NOT NULL,
  PRIMARY KEY (tenant, kind, attr, token, holder)
) STRICT, WITHOUT ROWID;
INSERT INTO "term" VALUES('default','Group','displayName','group 0','01a2075b-79c9-7001-8bca-bf471ce78d09');
INSERT INTO "term" VALUES('default','Group','displayName','group 1','01a2075b-79cb-7001-8f80-0a3e1c68e17f');
INSERT INTO "term" VALUES('default','Group','displayName','group 3','01a2075b-79cd-7001-8df6-b08df161f536');
INSERT INTO "term" VALUES('default','Group','displayName','renamed "group"','01a2075b-79cc-7001-8ad7-9d3677d04e99');
INSERT INTO "term" VALUES('default','Group','externalId','g0','01a2075b-79c9-7001-8bca-bf471ce78d09');
INSERT INTO "term" VALUES('default','Group','externalId','g1','01a2075b-79cb-7001-8f80-0a3e1c68e17f');
INSERT INTO "term" VALUES('default','Group','externalId','g2','01a2075b-79cc-7001-8ad7-9d3677d04e99');
INSERT INTO "term" VALUES('default','Group','externalId','g3','01a2075b-79cd-7001-8df6-b08df161f536');
INSERT INTO "term" VALUES('default','User','displayName','dname 0','01a2075b-7953-7001-87f3-50314f0fb4d1');
INSERT INTO "term" VALUES('default','User','displayName','dname 0','01a2075b-7957-7001-8c3c-4b538ceb6695');
INSERT INTO "term" VALUES('default','User','displayName','dname 0','01a2075b-7959-7001-ac05-b831898ecbce');
INSERT INTO "term" VALUES('default','User','displayName','dname 1','01a2075b-795c-7001-a184-c1723983229a');
INSERT INTO "term" VALUES('default','User','displayName','dname 1','01a2075b-7982-7001-9b29-64c677c3bedf');
INSERT INTO "term" VALUES('default','User','displayName','dname 2','01a2075b-7984-7001-ab24-9c78bf541177');
INSERT INTO "term" VALUES('default','User','displayName','dname 2','01a2075b-7988-7001-9062-f7deb564d2e5');
INSERT INTO "term" VALUES('default','User','displayName','dname 3','01a2075b-7989-7001-a2ef-d28af15ab937');
INSERT INTO "term" VALUES('default','User','displayName','dname 3','01a2075b-79a7-7001-a7b0-b8493d0e2610');
INSERT INTO "term" VALUES('default','User','displayName','dname 3','01a2075b-79aa-7001-9df2-450285cf5472');
INSERT INTO "term" VALUES('default','User','displayName','dname 4','01a2075b-79ac-7001-b697-00f917d0f05d');
INSERT INTO "term" VALUES('default','User','displayName','dname 4','01a2075b-79ad-7001-a7d5-f05008cde855');
INSERT INTO "term" VALUES('default','User','displayName','dname 5','01a2075b-79c7-7001-b6cc-a26e597560ad');
INSERT INTO "term" VALUES('default','User','displayName','long xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx','01a2075b-7986-7001-8e83-84fb0ed1d846');
INSERT INTO "term" VALUES('default','User','displayName','quoted "and\ [1,2]   tab	''','01a2075b-795a-7001-bb20-4f058e4cc392');
INSERT INTO "term" VALUES('default','User','emails.value','u0@example.com','01a2075b-7953-7001-87f3-50314f0fb4d1');
INSERT INTO "term" VALUES('default','User','emails.value','u10@example.com','01a2075b-79a7-7001-a7b0-b8493d0e2610');
INSERT INTO "term" VALUES('default','User','emails.value','u11@example.com','01a2075b-79aa-7001-9df2-450285cf5472');
INSERT INTO "term" VALUES('default','User','emails.value','u12@example.com','01a2075b-79ac-7001-b697-00f917d0f05d');
INSERT INTO "term" VALUES('default','User','emails.value','u13@example.com','01a2075b-79ad-7001-a7d5-f05008cde855');
INSERT INTO "term" VALUES('default','User','emails.value','u15@example.com','01a2075b-79c7-7001-b6cc-a26e597560ad');
INSERT INTO "term" VALUES('default','User','emails.value','u1@example.com','01a2075b-7957-7001-8c3c-4b538ceb6695');
INSERT INTO "term" VALUES('default','User','emails.value','u2@example.com','01a2075b-7959-7001-ac05-b831898ecbce');
INSERT INTO "term" VALUES('default','User','emails.value','u3@example.com','01a2075b-795a-7001-bb20-4f058e4cc392');
INSERT INTO "term" VALUES('default','User','emails.value','u4@example.com','01a2075b-795c-7001-a184-c1723983229a');
INSERT INTO "term" VALUES('default','User','emails.value','u5@example.com','01a2075b-7982-7001-9b29-64c677c3bedf');
INSERT INTO "term" VALUES('default','User','emails.value','u6@example.com','01a2075b-7984-7001-ab24-9c78bf541177');
INSERT INTO "term" VALUES('default','User','emails.value','u7@example.com','01a2075b-7986-7001-8e83-84fb0ed1d846');
INSERT INTO "term" VALUES('default','User','emails.value','u8@example.com','01a2075b-7988-7001-9062-f7deb564d2e5');
INSERT INTO "term" VALUES('default','User','emails.value','u9@example.com','01a2075b-7989-7001-a2ef-d28af15ab937');
INSERT INTO "term" VALUES('default','User','externalId','ext-0','01a2075b-7953-7001-87f3-50314f0fb4d1');
INSERT INTO "term" VALUES('default','User','externalId','ext-1','01a2075b-7957-7001-8c3c-4b538ceb6695');
INSERT INTO "term" VALUES('default','User','externalId','ext-10','01a2075b-79a7-7001-a7b0-b8493d0e2610');
INSERT INTO "term" VALUES('default','User','externalId','ext-11','01a2075b-79aa-7001-9df2-450285cf5472');
INSERT INTO "term" VALUES('default','User','externalId','ext-12','01a2075b-79ac-7001-b697-00f917d0f05d');
INSERT INTO "term" VALUES('default','User','externalId','ext-13','01a2075b-79ad-7001-a7d5-f05008cde855');
INSERT INTO "term" VALUES('default','User','externalId','ext-15','01a2075b-79c7-7001-b6cc-a26e597560ad');
INSERT INTO "term" VALUES('default','User','externalId','ext-2','01a2075b-7959-7001-ac05-b831898ecbce');
INSERT INTO "term" VALUES('default','User','externalId','ext-3','01a2075b-795a-7001-bb20-4f058e4cc392');
INSERT INTO "term" VALUES('default','User','externalId','ext-4','01a2075b-795c-7001-a184-c1723983229a');
INSERT INTO "term" VALUES('default','User','externalId','ext-5','01a2075b-7982-7001-9b29-64c677c3bedf');
INSERT INTO "term" VALUES('default','User','externalId','ext-6','01a2075b-7984-7001-ab24-9c78bf541177');
INSERT INTO "term" VALUES('default','User','externalId','ext-7','01a2075b-7986-7001-8e83-84fb0ed1d846');
INSERT INTO "term" VALUES('default','User','externalId','ext-8','01a2075b-7988-7001-9062-f7deb564d2e5');
INSERT INTO "term" VALUES('default','User','externalId','ext-9','01a2075b-7989-7001-a2ef-d28af15ab937');
INSERT INTO "term" VALUES('default','User','title','changed','01a2075b-7953-7001-87f3-50314f0fb4d1');
INSERT INTO "term" VALUES('default','User','title','changed','01a2075b-795c-7001-a184-c1723983229a');
INSERT INTO "term" VALUES('default','User','title','changed','01a2075b-7988-7001-9062-f7deb564d2e5');
INSERT INTO "term" VALUES('default','User','title','changed','01a2075b-79ac-7001-b697-00f917d0f05d');
INSERT INTO "term" VALUES('default','User','title','t0','01a2075b-795a-7001-bb20-4f058e4cc392');
INSERT INTO "term" VALUES('default','User','title','t0','01a2075b-7984-7001-ab24-9c78bf541177');
INSERT INTO "term" VALUES('default','User','title','t0','01a2075b-7989-7001-a2ef-d28af15ab937');
INSERT INTO "term" VALUES('default','User','title','t0','01a2075b-79c7-7001-b6cc-a26e597560ad');
INSERT INTO "term" VALUES('default','User','title','t1','01a2075b-7957-7001-8c3c-4b538ceb6695');
INSERT INTO "term" VALUES('default','User','title','t1','01a2075b-7986-7001-8e83-84fb0ed1d846');
INSERT INTO "term" VALUES('default','User','title','t1','01a2075b-79a7-7001-a7b0-b8493d0e2610');
INSERT INTO "term" VALUES('default','User','title','t1','01a2075b-79ad-7001-a7d5-f05008cde855');
INSERT INTO "term" VALUES('default','User','title','t2','01a2075b-7959-7001-ac05-b831898ecbce');
INSERT INTO "term" VALUES('default','User','title','t2','01a2075b-7982-7001-9b29-64c677c3bedf');
INSERT INTO "term" VALUES('default','User','title','t2','01a2075b-79aa-7001-9df2-450285cf5472');
CREATE INDEX resource_modified ON resource (tenant, kind, modified, id);
CREATE INDEX link_target ON link (tenant, target, attr, holder_kind, holder, target_kind);
CREATE INDEX claim_holder ON claim (owner, holder);
CREATE INDEX claim_long ON claim (tenant, kind, attr) WHERE length(token) > 256;
CREATE INDEX term_long ON term (tenant, kind, attr) WHERE length(token) > 256;
CREATE INDEX search_kind ON search (tenant, kind);
CREATE INDEX credential_name ON credential (tenant, name, created);
CREATE TRIGGER tenant_insert AFTER INSERT ON tenant BEGIN UPDATE generation SET n = n + 1; END;
CREATE TRIGGER tenant_update AFTER UPDATE ON tenant BEGIN UPDATE generation SET n = n + 1; END;
CREATE TRIGGER tenant_delete AFTER DELETE ON tenant BEGIN UPDATE generation SET n = n + 1; END;
CREATE TRIGGER credential_insert AFTER INSERT ON credential BEGIN UPDATE generation SET n = n + 1; END;
CREATE TRIGGER credential_update AFTER UPDATE ON credential BEGIN UPDATE generation SET n = n + 1; END;
CREATE TRIGGER credential_delete AFTER DELETE ON credential BEGIN UPDATE generation SET n = n + 1; END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('change',29);
COMMIT;
