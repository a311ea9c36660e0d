SELECT pg_catalog.set_config('search_path', '', false);
CREATE FUNCTION public.scim_control() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE generation SET n = n + 1;
  PERFORM pg_notify('scim_control', '');
  RETURN NULL;
END $$;
CREATE FUNCTION public.scim_refuse(reason text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = reason, MESSAGE = 'refused: ' || reason;
END $$;
CREATE TABLE public.catalogue (
    tenant text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    generation bigint NOT NULL
);
CREATE TABLE public.change (
    tenant text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    record text NOT NULL
);
CREATE TABLE public.claim (
    tenant text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    attr text NOT NULL COLLATE pg_catalog."C",
    token text NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL COLLATE pg_catalog."C",
    holder text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.consumer (
    name text NOT NULL COLLATE pg_catalog."C",
    upto bigint NOT NULL
);
CREATE TABLE public.credential (
    digest bytea NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    rights text NOT NULL,
    profile text,
    subject text,
    created bigint NOT NULL,
    expires bigint,
    last_used bigint
);
CREATE TABLE public.epoch (
    lead bigint NOT NULL
);
CREATE TABLE public.generation (
    n bigint NOT NULL
);
CREATE TABLE public.indexed (
    tenant text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    attr text NOT NULL COLLATE pg_catalog."C",
    via text NOT NULL,
    path text NOT NULL,
    rule text NOT NULL,
    single boolean NOT NULL,
    state bigint NOT NULL
);
CREATE TABLE public.layout (
    steps bigint NOT NULL
);
CREATE TABLE public.link (
    tenant text NOT NULL COLLATE pg_catalog."C",
    holder text NOT NULL COLLATE pg_catalog."C",
    attr text NOT NULL COLLATE pg_catalog."C",
    target text NOT NULL COLLATE pg_catalog."C",
    holder_kind text NOT NULL COLLATE pg_catalog."C",
    target_kind text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.note (
    name text NOT NULL COLLATE pg_catalog."C",
    value bytea NOT NULL
);
CREATE TABLE public.resource (
    tenant text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    created bigint NOT NULL,
    modified bigint NOT NULL,
    label text COLLATE pg_catalog."C",
    document text NOT NULL COLLATE pg_catalog."C"
)
WITH (fillfactor='80');
CREATE TABLE public.secret (
    tenant text NOT NULL COLLATE pg_catalog."C",
    holder text NOT NULL COLLATE pg_catalog."C",
    attr text NOT NULL COLLATE pg_catalog."C",
    hash text NOT NULL
);
CREATE TABLE public.tally (
    tenant text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    attr text NOT NULL COLLATE pg_catalog."C",
    slot bigint NOT NULL,
    n bigint NOT NULL
)
WITH (fillfactor='20');
CREATE TABLE public.tenant (
    id text NOT NULL COLLATE pg_catalog."C",
    disabled boolean NOT NULL,
    created bigint NOT NULL,
    settings text NOT NULL
);
CREATE TABLE public.term (
    tenant text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    attr text NOT NULL COLLATE pg_catalog."C",
    token text NOT NULL COLLATE pg_catalog."C",
    holder text NOT NULL COLLATE pg_catalog."C"
);
INSERT INTO public.catalogue VALUES
	('default', 'User', 734),
	('default', 'Group', 737),
	('off', 'User', 774),
	('off', 'Group', 777),
	('two', 'User', 780),
	('two', 'Group', 783);
INSERT INTO public.change VALUES
	('default', 773849088, '{"id":"01a2075b-84de-7000-b2ea-0df0284d4dfe","at":1795419767998,"actor":"first","request":"3c0bf743e3ec926166ce6422e631315d","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","password"],"after":{"externalId":"ext-0","userName":"User0@Example.com","name":{"familyName":"Müller","givenName":"G0"},"displayName":"dname 0","title":"T0","active":false,"emails":[{"value":"u0@Example.com","type":"work","primary":true}]},"resourceType":"User","resource":"01a2075b-84de-7001-8a57-ed158aa20119","version":"1"}'),
	('default', 774897664, '{"id":"01a2075b-84e4-7000-a51b-5fa5781e5fab","at":1795419768036,"actor":"first","request":"3c0bf743e3ec9261c5e268bbb7129ba6","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-1","userName":"User1@Example.com","name":{"familyName":"Straße","givenName":"G1"},"displayName":"Dname 0","title":"T1","active":true,"emails":[{"value":"u1@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-84de-7001-8a57-ed158aa20119"]}},"resourceType":"User","resource":"01a2075b-84e4-7001-bca6-12688cb7db45","version":"1"}'),
	('default', 775946240, '{"id":"01a2075b-84e9-7000-bd68-a90559dce4fc","at":1795419768041,"actor":"first","request":"3c0bf743e3ec926124f66d5487f405ef","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-2","userName":"User2@Example.com","name":{"familyName":"O''Neil","givenName":"G2"},"displayName":"dname 0","title":"T2","active":true,"emails":[{"value":"u2@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"2","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep2","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-84e4-7001-bca6-12688cb7db45"]}},"resourceType":"User","resource":"01a2075b-84e9-7001-b512-10cd48c1010d","version":"1"}'),
	('default', 776994816, '{"id":"01a2075b-84ec-7000-9313-d7dac7c4c276","at":1795419768044,"actor":"first","request":"3c0bf743e3ec9261840a71ed58d57038","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-3","userName":"User3@Example.com","name":{"familyName":"ﬁne","givenName":"G3"},"displayName":"quoted \"and\\ [1,2]   tab\t''","title":"T0","active":false,"emails":[{"value":"u3@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"3","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep3","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-84e4-7001-bca6-12688cb7db45"]}},"resourceType":"User","resource":"01a2075b-84ec-7001-91b7-59901d268ed5","version":"1"}'),
	('default', 778043392, '{"id":"01a2075b-84f0-7000-b550-3361f308a05e","at":1795419768048,"actor":"first","request":"3c0bf743e3ec9261e31e768629b6da81","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-4","userName":"User4@Example.com","name":{"familyName":"İstanbul","givenName":"G4"},"displayName":"dname 1","title":"T1","active":true,"emails":[{"value":"u4@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"4","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep0","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-84e9-7001-b512-10cd48c1010d"]}},"resourceType":"User","resource":"01a2075b-84f0-7001-9a74-b27daf6b32f6","version":"1"}'),
	('default', 779091968, '{"id":"01a2075b-8514-7000-8b21-c606b63dd294","at":1795419768051,"actor":"first","request":"3c0bf743e3ec926142327b1efa9844ca","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","password"],"after":{"externalId":"ext-5","userName":"User5@Example.com","name":{"familyName":"漢字","givenName":"G5"},"displayName":"Dname 1","title":"T2","active":true,"emails":[{"value":"u5@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"5","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-84e9-7001-b512-10cd48c1010d"]}},"resourceType":"User","resource":"01a2075b-8514-7001-b84c-2cd0cfd6b102","version":"1"}'),
	('default', 780140544, '{"id":"01a2075b-8518-7000-abf9-1e7fceb2d963","at":1795419768088,"actor":"first","request":"3c0bf743e3ec9261a1467fb7cb79af13","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-6","userName":"User6@Example.com","name":{"familyName":"Müller","givenName":"G6"},"displayName":"dname 2","title":"T0","active":false,"emails":[{"value":"u6@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"6","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep2","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-84ec-7001-91b7-59901d268ed5"]}},"resourceType":"User","resource":"01a2075b-8518-7001-8bb1-f5f823e323d2","version":"1"}'),
	('default', 781189120, '{"id":"01a2075b-851c-7000-b766-5f6d1a3fc494","at":1795419768092,"actor":"first","request":"3c0bf743e3ec9261005a84509c5b195c","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-7","userName":"User7@Example.com","name":{"familyName":"Straße","givenName":"G7"},"displayName":"long xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","title":"T1","active":true,"emails":[{"value":"u7@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"7","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep3","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-84ec-7001-91b7-59901d268ed5"]}},"resourceType":"User","resource":"01a2075b-851c-7001-ac44-64f394142769","version":"1"}'),
	('default', 782237696, '{"id":"01a2075b-851f-7000-9ddd-13cb990c0787","at":1795419768095,"actor":"first","request":"3c0bf743e3ec92615f6e88e96d3c83a5","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-8","userName":"User8@Example.com","name":{"familyName":"O''Neil","givenName":"G8"},"displayName":"dname 2","title":"T2","active":true,"emails":[{"value":"u8@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"8","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep0","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-84f0-7001-9a74-b27daf6b32f6"]}},"resourceType":"User","resource":"01a2075b-851f-7001-92f5-6836f4fd635d","version":"1"}'),
	('default', 783286272, '{"id":"01a2075b-8521-7000-ac21-78bc8babb001","at":1795419768097,"actor":"first","request":"3c0bf743e3ec9261be828d823e1dedee","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-9","userName":"User9@Example.com","name":{"familyName":"ﬁne","givenName":"G9"},"displayName":"Dname 3","title":"T0","active":false,"emails":[{"value":"u9@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"9","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-84f0-7001-9a74-b27daf6b32f6"]}},"resourceType":"User","resource":"01a2075b-8521-7001-9aca-749ca10c140c","version":"1"}'),
	('default', 784334848, '{"id":"01a2075b-8543-7000-96f8-4fd5405c5c35","at":1795419768099,"actor":"first","request":"3c0bf743e3ec92611d96921b0eff5837","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","password"],"after":{"externalId":"ext-10","userName":"User10@Example.com","name":{"familyName":"İstanbul","givenName":"G10"},"displayName":"dname 3","title":"T1","active":true,"emails":[{"value":"u10@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"10","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep2","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-8514-7001-b84c-2cd0cfd6b102"]}},"resourceType":"User","resource":"01a2075b-8543-7001-84f6-96953f7c9c5f","version":"1"}'),
	('default', 785383424, '{"id":"01a2075b-8547-7000-bbf2-06e4179b1470","at":1795419768135,"actor":"first","request":"3c0bf743e3ec92617caa96b3dfe0c280","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-11","userName":"User11@Example.com","name":{"familyName":"漢字","givenName":"G11"},"displayName":"Dname 3","title":"T2","active":true,"emails":[{"value":"u11@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"11","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep3","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-8514-7001-b84c-2cd0cfd6b102"]}},"resourceType":"User","resource":"01a2075b-8547-7001-8c7d-141beb9e6814","version":"1"}'),
	('default', 786432000, '{"id":"01a2075b-8549-7000-9c6a-025312942e88","at":1795419768137,"actor":"first","request":"3c0bf743e3ec9261dbbe9b4cb0c22cc9","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-12","userName":"User12@Example.com","name":{"familyName":"Müller","givenName":"G12"},"displayName":"dname 4","title":"T0","active":false,"emails":[{"value":"u12@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"12","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep0","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-8518-7001-8bb1-f5f823e323d2"]}},"resourceType":"User","resource":"01a2075b-8549-7001-bf5d-2d31a8e44389","version":"1"}'),
	('default', 787480576, '{"id":"01a2075b-854b-7000-af9d-e2dffc46ddcd","at":1795419768139,"actor":"first","request":"3c0bf743e3ec92613ad29fe581a39712","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-13","userName":"User13@Example.com","name":{"familyName":"Straße","givenName":"G13"},"displayName":"Dname 4","title":"T1","active":true,"emails":[{"value":"u13@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"13","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-8518-7001-8bb1-f5f823e323d2"]}},"resourceType":"User","resource":"01a2075b-854b-7001-a315-700ee4e4dcd3","version":"1"}'),
	('default', 788529152, '{"id":"01a2075b-854d-7000-b93c-c75772e06e51","at":1795419768141,"actor":"first","request":"3c0bf743e3ec926199e6a47e5285015b","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"],"after":{"externalId":"ext-14","userName":"User14@Example.com","name":{"familyName":"O''Neil","givenName":"G14"},"displayName":"dname 4","title":"T2","active":true,"emails":[{"value":"u14@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"14","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep2","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-851c-7001-ac44-64f394142769"]}},"resourceType":"User","resource":"01a2075b-854d-7001-80ea-a8416613b23c","version":"1"}'),
	('default', 789577728, '{"id":"01a2075b-856e-7000-b4cc-293a9e206d16","at":1795419768143,"actor":"first","request":"3c0bf743e3ec9261f8faa91723666ba4","verb":"create","attributes":["externalId","userName","name","displayName","title","active","emails","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","password"],"after":{"externalId":"ext-15","userName":"User15@Example.com","name":{"familyName":"ﬁne","givenName":"G15"},"displayName":"Dname 5","title":"T0","active":false,"emails":[{"value":"u15@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"15","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Dep3","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":{"set":["01a2075b-851c-7001-ac44-64f394142769"]}},"resourceType":"User","resource":"01a2075b-856e-7001-96fc-aa6d7ee74a04","version":"1"}'),
	('default', 790626304, '{"id":"01a2075b-8572-7000-8893-f993ac8651f8","at":1795419768178,"actor":"first","request":"3c0bf743e3ec9261580eadaff447d5ed","verb":"create","attributes":["externalId","displayName"],"after":{"externalId":"g0","displayName":"Group 0"},"resourceType":"Group","resource":"01a2075b-8572-7001-bb49-37d6cb332733","version":"1"}'),
	('default', 791674880, '{"id":"01a2075b-8574-7000-b06f-c8acdf87e1da","at":1795419768180,"actor":"first","request":"3c0bf743e3ec9261b722b248c5294036","verb":"create","attributes":["externalId","displayName","members"],"after":{"externalId":"g1","displayName":"Group 1","members":{"added":["01a2075b-84de-7001-8a57-ed158aa20119","01a2075b-8572-7001-bb49-37d6cb332733"]}},"resourceType":"Group","resource":"01a2075b-8574-7001-b9c9-13acb698f81e","version":"1"}'),
	('default', 792723456, '{"id":"01a2075b-8576-7000-8f97-d956932cfd96","at":1795419768182,"actor":"first","request":"3c0bf743e3ec92611636b6e1960aaa7f","verb":"create","attributes":["externalId","displayName","members"],"after":{"externalId":"g2","displayName":"Group 2","members":{"added":["01a2075b-84de-7001-8a57-ed158aa20119","01a2075b-84e4-7001-bca6-12688cb7db45","01a2075b-84e9-7001-b512-10cd48c1010d","01a2075b-84ec-7001-91b7-59901d268ed5","01a2075b-84f0-7001-9a74-b27daf6b32f6","01a2075b-8574-7001-b9c9-13acb698f81e"]}},"resourceType":"Group","resource":"01a2075b-8576-7001-918a-db78afd53fb5","version":"1"}'),
	('default', 793772032, '{"id":"01a2075b-8578-7000-95e2-b52924a40e45","at":1795419768184,"actor":"first","request":"3c0bf743e3ec9261754abb7a66ec14c8","verb":"create","attributes":["externalId","displayName","members"],"after":{"externalId":"g3","displayName":"Group 3","members":{"added":["01a2075b-84de-7001-8a57-ed158aa20119","01a2075b-84e4-7001-bca6-12688cb7db45","01a2075b-84e9-7001-b512-10cd48c1010d","01a2075b-84ec-7001-91b7-59901d268ed5","01a2075b-84f0-7001-9a74-b27daf6b32f6","01a2075b-8514-7001-b84c-2cd0cfd6b102","01a2075b-8518-7001-8bb1-f5f823e323d2","01a2075b-851c-7001-ac44-64f394142769","01a2075b-851f-7001-92f5-6836f4fd635d","01a2075b-8521-7001-9aca-749ca10c140c","01a2075b-8543-7001-84f6-96953f7c9c5f","01a2075b-8547-7001-8c7d-141beb9e6814","01a2075b-8549-7001-bf5d-2d31a8e44389","01a2075b-854b-7001-a315-700ee4e4dcd3","01a2075b-854d-7001-80ea-a8416613b23c","01a2075b-856e-7001-96fc-aa6d7ee74a04","01a2075b-8576-7001-918a-db78afd53fb5"]}},"resourceType":"Group","resource":"01a2075b-8578-7001-834f-5d06cdfcf80f","version":"1"}'),
	('default', 794820608, '{"id":"01a2075b-857b-7000-b98d-bb6761e0123f","at":1795419768187,"actor":"first","request":"3c0bf743e3ec9261d45ec01337cd7f11","verb":"patch","attributes":["title"],"before":{"title":"T0"},"after":{"title":"changed"},"resourceType":"User","resource":"01a2075b-84de-7001-8a57-ed158aa20119","version":"2"}'),
	('default', 795869184, '{"id":"01a2075b-857e-7000-a7f8-4f0e7775d67e","at":1795419768190,"actor":"first","request":"3c0bf743e3ec92613372c4ac08aee95a","verb":"patch","attributes":["title"],"before":{"title":"T1"},"after":{"title":"changed"},"resourceType":"User","resource":"01a2075b-84f0-7001-9a74-b27daf6b32f6","version":"2"}'),
	('default', 796917760, '{"id":"01a2075b-8581-7000-ac55-e9583bb24bf0","at":1795419768193,"actor":"first","request":"3c0bf743e3ec92619286c944d99053a3","verb":"patch","attributes":["title"],"before":{"title":"T2"},"after":{"title":"changed"},"resourceType":"User","resource":"01a2075b-851f-7001-92f5-6836f4fd635d","version":"2"}'),
	('default', 797966336, '{"id":"01a2075b-8584-7000-b380-c2f27785d46b","at":1795419768196,"actor":"first","request":"3c0bf743e3ec9261f19acdddaa71bdec","verb":"patch","attributes":["title"],"before":{"title":"T0"},"after":{"title":"changed"},"resourceType":"User","resource":"01a2075b-8549-7001-bf5d-2d31a8e44389","version":"2"}'),
	('default', 799014912, '{"id":"01a2075b-8586-7000-ac14-b977197740e1","at":1795419768198,"actor":"first","request":"3c0bf743e3ec926150aed2767b532835","verb":"patch","attributes":["members"],"after":{"members":{"added":["01a2075b-8521-7001-9aca-749ca10c140c"]}},"resourceType":"Group","resource":"01a2075b-8574-7001-b9c9-13acb698f81e","version":"2"}'),
	('default', 800063488, '{"id":"01a2075b-8589-7000-8f43-51dadddc03c9","at":1795419768201,"actor":"first","request":"3c0bf743e3ec9261afc2d70f4c34927e","verb":"patch","attributes":["members"],"after":{"members":{"removed":["01a2075b-8549-7001-bf5d-2d31a8e44389"]}},"resourceType":"Group","resource":"01a2075b-8578-7001-834f-5d06cdfcf80f","version":"2"}'),
	('default', 801112064, '{"id":"01a2075b-858b-7000-8e5f-705a7564f311","at":1795419768203,"actor":"first","request":"3c0bf743e3ec92610ed6dba81d15fcc7","verb":"patch","attributes":["displayName"],"before":{"displayName":"Group 2"},"after":{"displayName":"Renamed \"group\""},"resourceType":"Group","resource":"01a2075b-8576-7001-918a-db78afd53fb5","version":"2"}'),
	('default', 802160640, '{"id":"01a2075b-858d-7000-9e5f-55d4a0781f38","at":1795419768205,"actor":"first","request":"3c0bf743e3ec92616deae040edf76710","verb":"delete","attributes":[],"resourceType":"User","resource":"01a2075b-854d-7001-80ea-a8416613b23c","version":"1"}'),
	('default', 802160641, '{"id":"01a2075b-858d-7000-9e5f-55d4a0781f38/01a2075b-8578-7001-834f-5d06cdfcf80f","at":1795419768205,"actor":"first","request":"3c0bf743e3ec92616deae040edf76710","verb":"release","attributes":["members"],"resourceType":"Group","resource":"01a2075b-8578-7001-834f-5d06cdfcf80f","version":"3"}');
INSERT INTO public.claim VALUES
	('default', 'User', 'userName', 'user0@example.com', 'default', '01a2075b-84de-7001-8a57-ed158aa20119'),
	('default', 'User', 'userName', 'user1@example.com', 'default', '01a2075b-84e4-7001-bca6-12688cb7db45'),
	('default', 'User', 'userName', 'user2@example.com', 'default', '01a2075b-84e9-7001-b512-10cd48c1010d'),
	('default', 'User', 'userName', 'user3@example.com', 'default', '01a2075b-84ec-7001-91b7-59901d268ed5'),
	('default', 'User', 'userName', 'user4@example.com', 'default', '01a2075b-84f0-7001-9a74-b27daf6b32f6'),
	('default', 'User', 'userName', 'user5@example.com', 'default', '01a2075b-8514-7001-b84c-2cd0cfd6b102'),
	('default', 'User', 'userName', 'user6@example.com', 'default', '01a2075b-8518-7001-8bb1-f5f823e323d2'),
	('default', 'User', 'userName', 'user7@example.com', 'default', '01a2075b-851c-7001-ac44-64f394142769'),
	('default', 'User', 'userName', 'user8@example.com', 'default', '01a2075b-851f-7001-92f5-6836f4fd635d'),
	('default', 'User', 'userName', 'user9@example.com', 'default', '01a2075b-8521-7001-9aca-749ca10c140c'),
	('default', 'User', 'userName', 'user10@example.com', 'default', '01a2075b-8543-7001-84f6-96953f7c9c5f'),
	('default', 'User', 'userName', 'user11@example.com', 'default', '01a2075b-8547-7001-8c7d-141beb9e6814'),
	('default', 'User', 'userName', 'user12@example.com', 'default', '01a2075b-8549-7001-bf5d-2d31a8e44389'),
	('default', 'User', 'userName', 'user13@example.com', 'default', '01a2075b-854b-7001-a315-700ee4e4dcd3'),
	('default', 'User', 'userName', 'user15@example.com', 'default', '01a2075b-856e-7001-96fc-aa6d7ee74a04'),
	('default', 'Group', 'displayName', 'group 0', 'default', '01a2075b-8572-7001-bb49-37d6cb332733'),
	('default', 'Group', 'displayName', 'group 1', 'default', '01a2075b-8574-7001-b9c9-13acb698f81e'),
	('default', 'Group', 'displayName', 'group 3', 'default', '01a2075b-8578-7001-834f-5d06cdfcf80f'),
	('default', 'Group', 'displayName', 'renamed "group"', 'default', '01a2075b-8576-7001-918a-db78afd53fb5');
INSERT INTO public.credential VALUES
	('\x40c0b4eed87fa8beb877cdc1a63e639f9d31d2e7199f301d9931a221ef93b7f9', 'default', 'first', '["write"]', NULL, NULL, 1795419767956, 1826955767956, 1795419767975);
INSERT INTO public.epoch VALUES
	(0);
INSERT INTO public.generation VALUES
	(7);
INSERT INTO public.indexed VALUES
	('default', 'User', 'displayName', 'term', '["displayName"]', 'folded', true, 1),
	('default', 'User', 'emails.value', 'term', '["emails","value"]', 'folded', false, 1),
	('default', 'User', 'externalId', 'term', '["externalId"]', 'exact', true, 1),
	('default', 'User', 'title', 'term', '["title"]', 'folded', true, 1),
	('default', 'User', 'userName', 'claim', '["userName"]', 'username', true, 1),
	('default', 'Group', 'displayName', 'term', '["displayName"]', 'folded', true, 1),
	('default', 'Group', 'externalId', 'term', '["externalId"]', 'exact', true, 1),
	('off', 'User', 'displayName', 'term', '["displayName"]', 'folded', true, 1),
	('off', 'User', 'emails.value', 'term', '["emails","value"]', 'folded', false, 1),
	('off', 'User', 'externalId', 'term', '["externalId"]', 'exact', true, 1),
	('off', 'User', 'title', 'term', '["title"]', 'folded', true, 1),
	('off', 'User', 'userName', 'claim', '["userName"]', 'username', true, 1),
	('off', 'Group', 'displayName', 'term', '["displayName"]', 'folded', true, 1),
	('off', 'Group', 'externalId', 'term', '["externalId"]', 'exact', true, 1),
	('two', 'User', 'displayName', 'term', '["displayName"]', 'folded', true, 1),
	('two', 'User', 'emails.value', 'term', '["emails","value"]', 'folded', false, 1),
	('two', 'User', 'externalId', 'term', '["externalId"]', 'exact', true, 1),
	('two', 'User', 'title', 'term', '["title"]', 'folded', true, 1),
	('two', 'User', 'userName', 'claim', '["userName"]', 'username', true, 1),
	('two', 'Group', 'displayName', 'term', '["displayName"]', 'folded', true, 1),
	('two', 'Group', 'externalId', 'term', '["externalId"]', 'exact', true, 1);
INSERT INTO public.layout VALUES
	(1);
INSERT INTO public.link VALUES
	('default', '01a2075b-84e4-7001-bca6-12688cb7db45', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-84de-7001-8a57-ed158aa20119', 'User', 'User'),
	('default', '01a2075b-84e9-7001-b512-10cd48c1010d', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-84e4-7001-bca6-12688cb7db45', 'User', 'User'),
	('default', '01a2075b-84ec-7001-91b7-59901d268ed5', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-84e4-7001-bca6-12688cb7db45', 'User', 'User'),
	('default', '01a2075b-84f0-7001-9a74-b27daf6b32f6', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-84e9-7001-b512-10cd48c1010d', 'User', 'User'),
	('default', '01a2075b-8514-7001-b84c-2cd0cfd6b102', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-84e9-7001-b512-10cd48c1010d', 'User', 'User'),
	('default', '01a2075b-8518-7001-8bb1-f5f823e323d2', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-84ec-7001-91b7-59901d268ed5', 'User', 'User'),
	('default', '01a2075b-851c-7001-ac44-64f394142769', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-84ec-7001-91b7-59901d268ed5', 'User', 'User'),
	('default', '01a2075b-851f-7001-92f5-6836f4fd635d', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-84f0-7001-9a74-b27daf6b32f6', 'User', 'User'),
	('default', '01a2075b-8521-7001-9aca-749ca10c140c', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-84f0-7001-9a74-b27daf6b32f6', 'User', 'User'),
	('default', '01a2075b-8543-7001-84f6-96953f7c9c5f', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-8514-7001-b84c-2cd0cfd6b102', 'User', 'User'),
	('default', '01a2075b-8547-7001-8c7d-141beb9e6814', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-8514-7001-b84c-2cd0cfd6b102', 'User', 'User'),
	('default', '01a2075b-8549-7001-bf5d-2d31a8e44389', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-8518-7001-8bb1-f5f823e323d2', 'User', 'User'),
	('default', '01a2075b-854b-7001-a315-700ee4e4dcd3', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-8518-7001-8bb1-f5f823e323d2', 'User', 'User'),
	('default', '01a2075b-856e-7001-96fc-aa6d7ee74a04', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', '01a2075b-851c-7001-ac44-64f394142769', 'User', 'User'),
	('default', '01a2075b-8574-7001-b9c9-13acb698f81e', 'members', '01a2075b-84de-7001-8a57-ed158aa20119', 'Group', 'User'),
	('default', '01a2075b-8574-7001-b9c9-13acb698f81e', 'members', '01a2075b-8572-7001-bb49-37d6cb332733', 'Group', 'Group'),
	('default', '01a2075b-8576-7001-918a-db78afd53fb5', 'members', '01a2075b-84de-7001-8a57-ed158aa20119', 'Group', 'User'),
	('default', '01a2075b-8576-7001-918a-db78afd53fb5', 'members', '01a2075b-84e4-7001-bca6-12688cb7db45', 'Group', 'User'),
	('default', '01a2075b-8576-7001-918a-db78afd53fb5', 'members', '01a2075b-84e9-7001-b512-10cd48c1010d', 'Group', 'User'),
	('default', '01a2075b-8576-7001-918a-db78afd53fb5', 'members', '01a2075b-84ec-7001-91b7-59901d268ed5', 'Group', 'User'),
	('default', '01a2075b-8576-7001-918a-db78afd53fb5', 'members', '01a2075b-84f0-7001-9a74-b27daf6b32f6', 'Group', 'User'),
	('default', '01a2075b-8576-7001-918a-db78afd53fb5', 'members', '01a2075b-8574-7001-b9c9-13acb698f81e', 'Group', 'Group'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-84de-7001-8a57-ed158aa20119', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-84e4-7001-bca6-12688cb7db45', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-84e9-7001-b512-10cd48c1010d', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-84ec-7001-91b7-59901d268ed5', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-84f0-7001-9a74-b27daf6b32f6', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-8514-7001-b84c-2cd0cfd6b102', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-8518-7001-8bb1-f5f823e323d2', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-851c-7001-ac44-64f394142769', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-851f-7001-92f5-6836f4fd635d', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-8521-7001-9aca-749ca10c140c', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-8543-7001-84f6-96953f7c9c5f', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-8547-7001-8c7d-141beb9e6814', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-854b-7001-a315-700ee4e4dcd3', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-856e-7001-96fc-aa6d7ee74a04', 'Group', 'User'),
	('default', '01a2075b-8578-7001-834f-5d06cdfcf80f', 'members', '01a2075b-8576-7001-918a-db78afd53fb5', 'Group', 'Group'),
	('default', '01a2075b-8574-7001-b9c9-13acb698f81e', 'members', '01a2075b-8521-7001-9aca-749ca10c140c', 'Group', 'User');
INSERT INTO public.note VALUES
	('first_start', '\x646f6e65'),
	('cursor.key', '\x87eec4267982a5c7fb11daaf71e8b131ed8f9aa866c38254d266800e93934b29'),
	('schemas.fingerprint', '\x64613865613235666237633439666464643363653964373238656536323430303364663062376638666166393034326539316334323939346536376564613530'),
	('schemas.names', '\x5b2224726566222c22616374697665222c22616464726573736573222c22636f737443656e746572222c22636f756e747279222c226465706172746d656e74222c22646973706c6179222c22646973706c61794e616d65222c226469766973696f6e222c22656d61696c73222c22656d706c6f7965654e756d626572222c22656e7469746c656d656e7473222c2266616d696c794e616d65222c22666f726d6174746564222c22676976656e4e616d65222c2267726f757073222c22686f6e6f7269666963507265666978222c22686f6e6f7269666963537566666978222c22696d73222c226c6f63616c65222c226c6f63616c697479222c226d616e61676572222c226d656d62657273222c226d6964646c654e616d65222c226e616d65222c226e69636b4e616d65222c226f7267616e697a6174696f6e222c2270617373776f7264222c2270686f6e654e756d62657273222c2270686f746f73222c22706f7374616c436f6465222c227072656665727265644c616e6775616765222c227072696d617279222c2270726f66696c6555726c222c22726567696f6e222c22726f6c6573222c2273747265657441646472657373222c2274696d657a6f6e65222c227469746c65222c2274797065222c2275726e3a696574663a706172616d733a7363696d3a736368656d61733a657874656e73696f6e3a656e74657270726973653a322e303a55736572222c22757365724e616d65222c227573657254797065222c2276616c7565222c2278353039436572746966696361746573225d');
INSERT INTO public.resource VALUES
	('default', 'User', '01a2075b-84e4-7001-bca6-12688cb7db45', 1, 1795419768036, 1795419768036, 'Dname 0', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-1","userName":"User1@Example.com","name":{"familyName":"Straße","givenName":"G1"},"displayName":"Dname 0","title":"T1","active":true,"emails":[{"value":"u1@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"1","department":"Dep1"}}'),
	('default', 'User', '01a2075b-84e9-7001-b512-10cd48c1010d', 1, 1795419768041, 1795419768041, 'dname 0', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-2","userName":"User2@Example.com","name":{"familyName":"O''Neil","givenName":"G2"},"displayName":"dname 0","title":"T2","active":true,"emails":[{"value":"u2@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"2","department":"Dep2"}}'),
	('default', 'User', '01a2075b-84ec-7001-91b7-59901d268ed5', 1, 1795419768044, 1795419768044, 'quoted "and\ [1,2]   tab	''', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-3","userName":"User3@Example.com","name":{"familyName":"ﬁne","givenName":"G3"},"displayName":"quoted \"and\\ [1,2]   tab\t''","title":"T0","active":false,"emails":[{"value":"u3@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"3","department":"Dep3"}}'),
	('default', 'User', '01a2075b-8514-7001-b84c-2cd0cfd6b102', 1, 1795419768051, 1795419768051, 'Dname 1', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-5","userName":"User5@Example.com","name":{"familyName":"漢字","givenName":"G5"},"displayName":"Dname 1","title":"T2","active":true,"emails":[{"value":"u5@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"5","department":"Dep1"}}'),
	('default', 'User', '01a2075b-8518-7001-8bb1-f5f823e323d2', 1, 1795419768088, 1795419768088, 'dname 2', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-6","userName":"User6@Example.com","name":{"familyName":"Müller","givenName":"G6"},"displayName":"dname 2","title":"T0","active":false,"emails":[{"value":"u6@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"6","department":"Dep2"}}'),
	('default', 'User', '01a2075b-851c-7001-ac44-64f394142769', 1, 1795419768092, 1795419768092, 'long xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-7","userName":"User7@Example.com","name":{"familyName":"Straße","givenName":"G7"},"displayName":"long xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","title":"T1","active":true,"emails":[{"value":"u7@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"7","department":"Dep3"}}'),
	('default', 'User', '01a2075b-8521-7001-9aca-749ca10c140c', 1, 1795419768097, 1795419768097, 'Dname 3', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-9","userName":"User9@Example.com","name":{"familyName":"ﬁne","givenName":"G9"},"displayName":"Dname 3","title":"T0","active":false,"emails":[{"value":"u9@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"9","department":"Dep1"}}'),
	('default', 'User', '01a2075b-84de-7001-8a57-ed158aa20119', 2, 1795419767998, 1795419768187, 'dname 0', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"ext-0","userName":"User0@Example.com","name":{"familyName":"Müller","givenName":"G0"},"displayName":"dname 0","title":"changed","active":false,"emails":[{"value":"u0@Example.com","type":"work","primary":true}]}'),
	('default', 'User', '01a2075b-84f0-7001-9a74-b27daf6b32f6', 2, 1795419768048, 1795419768190, 'dname 1', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-4","userName":"User4@Example.com","name":{"familyName":"İstanbul","givenName":"G4"},"displayName":"dname 1","title":"changed","active":true,"emails":[{"value":"u4@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"4","department":"Dep0"}}'),
	('default', 'User', '01a2075b-851f-7001-92f5-6836f4fd635d', 2, 1795419768095, 1795419768193, 'dname 2', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-8","userName":"User8@Example.com","name":{"familyName":"O''Neil","givenName":"G8"},"displayName":"dname 2","title":"changed","active":true,"emails":[{"value":"u8@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"8","department":"Dep0"}}'),
	('default', 'User', '01a2075b-8543-7001-84f6-96953f7c9c5f', 1, 1795419768099, 1795419768099, 'dname 3', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-10","userName":"User10@Example.com","name":{"familyName":"İstanbul","givenName":"G10"},"displayName":"dname 3","title":"T1","active":true,"emails":[{"value":"u10@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"10","department":"Dep2"}}'),
	('default', 'User', '01a2075b-8547-7001-8c7d-141beb9e6814', 1, 1795419768135, 1795419768135, 'Dname 3', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-11","userName":"User11@Example.com","name":{"familyName":"漢字","givenName":"G11"},"displayName":"Dname 3","title":"T2","active":true,"emails":[{"value":"u11@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"11","department":"Dep3"}}'),
	('default', 'User', '01a2075b-854b-7001-a315-700ee4e4dcd3', 1, 1795419768139, 1795419768139, 'Dname 4', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-13","userName":"User13@Example.com","name":{"familyName":"Straße","givenName":"G13"},"displayName":"Dname 4","title":"T1","active":true,"emails":[{"value":"u13@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"13","department":"Dep1"}}'),
	('default', 'User', '01a2075b-856e-7001-96fc-aa6d7ee74a04', 1, 1795419768143, 1795419768143, 'Dname 5', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-15","userName":"User15@Example.com","name":{"familyName":"ﬁne","givenName":"G15"},"displayName":"Dname 5","title":"T0","active":false,"emails":[{"value":"u15@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"15","department":"Dep3"}}'),
	('default', 'Group', '01a2075b-8572-7001-bb49-37d6cb332733', 1, 1795419768178, 1795419768178, 'Group 0', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"g0","displayName":"Group 0"}'),
	('default', 'User', '01a2075b-8549-7001-bf5d-2d31a8e44389', 2, 1795419768137, 1795419768196, 'dname 4', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"ext-12","userName":"User12@Example.com","name":{"familyName":"Müller","givenName":"G12"},"displayName":"dname 4","title":"changed","active":false,"emails":[{"value":"u12@Example.com","type":"work","primary":true}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"12","department":"Dep0"}}'),
	('default', 'Group', '01a2075b-8574-7001-b9c9-13acb698f81e', 2, 1795419768180, 1795419768198, 'Group 1', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"g1","displayName":"Group 1"}'),
	('default', 'Group', '01a2075b-8576-7001-918a-db78afd53fb5', 2, 1795419768182, 1795419768203, 'Renamed "group"', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"g2","displayName":"Renamed \"group\""}'),
	('default', 'Group', '01a2075b-8578-7001-834f-5d06cdfcf80f', 3, 1795419768184, 1795419768205, 'Group 3', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"g3","displayName":"Group 3"}');
INSERT INTO public.secret VALUES
	('default', '01a2075b-84de-7001-8a57-ed158aa20119', 'password', '$argon2id$v=19$m=19456,t=2,p=1$zgJURXpCNi33Y7c1L2De9Q$Q+JuFCH0vAPfbNjtlu02QVsECCu4wo7QgNfZXLJUNrc'),
	('default', '01a2075b-8514-7001-b84c-2cd0cfd6b102', 'password', '$argon2id$v=19$m=19456,t=2,p=1$BpmIQmLoBokGpvJdoGpKgQ$MDsHJ3sIwXOYYfrFiDIjn+qr1u1meLh5YwCDWEfoCcc'),
	('default', '01a2075b-8543-7001-84f6-96953f7c9c5f', 'password', '$argon2id$v=19$m=19456,t=2,p=1$C0vKPPggvP3+PNRqeMGwyA$ZX6HKsUaXzESvUj8IztoGtd1AoEJzSYg2w/tuQ6ZiSw'),
	('default', '01a2075b-856e-7001-96fc-aa6d7ee74a04', 'password', '$argon2id$v=19$m=19456,t=2,p=1$O9a6SdKK1V7JIvR0ful0Gg$qV1auBNmHupRTUBN5qQDj1/HVTlslVyQj64sINKEAHM');
INSERT INTO public.tally VALUES
	('default', 'User', 'displayName', 0, 0),
	('default', 'User', 'externalId', 0, 0),
	('default', 'User', 'title', 0, 0),
	('default', 'User', 'userName', 0, 0),
	('default', 'Group', 'displayName', 0, 0),
	('default', 'Group', 'externalId', 0, 0),
	('default', 'Group', '', 2, 4),
	('default', 'Group', '*', 2, 5),
	('default', 'User', '', 2, 15),
	('default', 'User', '*', 2, 21),
	('off', 'User', 'displayName', 0, 0),
	('off', 'User', 'externalId', 0, 0),
	('off', 'User', 'title', 0, 0),
	('off', 'User', 'userName', 0, 0),
	('off', 'Group', 'displayName', 0, 0),
	('off', 'Group', 'externalId', 0, 0),
	('two', 'User', 'displayName', 0, 0),
	('two', 'User', 'externalId', 0, 0),
	('two', 'User', 'title', 0, 0),
	('two', 'User', 'userName', 0, 0),
	('two', 'Group', 'displayName', 0, 0),
	('two', 'Group', 'externalId', 0, 0);
INSERT INTO public.tenant VALUES
	('default', false, 1795419767956, '{}'),
	('off', true, 1795419768257, '{}'),
	('two', false, 1795419768225, '{"profile":"entra","require_if_match":true}');
INSERT INTO public.term VALUES
	('default', 'User', 'displayName', 'dname 0', '01a2075b-84de-7001-8a57-ed158aa20119'),
	('default', 'User', 'emails.value', 'u0@example.com', '01a2075b-84de-7001-8a57-ed158aa20119'),
	('default', 'User', 'externalId', 'ext-0', '01a2075b-84de-7001-8a57-ed158aa20119'),
	('default', 'User', 'displayName', 'dname 0', '01a2075b-84e4-7001-bca6-12688cb7db45'),
	('default', 'User', 'emails.value', 'u1@example.com', '01a2075b-84e4-7001-bca6-12688cb7db45'),
	('default', 'User', 'externalId', 'ext-1', '01a2075b-84e4-7001-bca6-12688cb7db45'),
	('default', 'User', 'title', 't1', '01a2075b-84e4-7001-bca6-12688cb7db45'),
	('default', 'User', 'displayName', 'dname 0', '01a2075b-84e9-7001-b512-10cd48c1010d'),
	('default', 'User', 'emails.value', 'u2@example.com', '01a2075b-84e9-7001-b512-10cd48c1010d'),
	('default', 'User', 'externalId', 'ext-2', '01a2075b-84e9-7001-b512-10cd48c1010d'),
	('default', 'User', 'title', 't2', '01a2075b-84e9-7001-b512-10cd48c1010d'),
	('default', 'User', 'displayName', 'quoted "and\ [1,2]   tab	''', '01a2075b-84ec-7001-91b7-59901d268ed5'),
	('default', 'User', 'emails.value', 'u3@example.com', '01a2075b-84ec-7001-91b7-59901d268ed5'),
	('default', 'User', 'externalId', 'ext-3', '01a2075b-84ec-7001-91b7-59901d268ed5'),
	('default', 'User', 'title', 't0', '01a2075b-84ec-7001-91b7-59901d268ed5'),
	('default', 'User', 'displayName', 'dname 1', '01a2075b-84f0-7001-9a74-b27daf6b32f6'),
	('default', 'User', 'emails.value', 'u4@example.com', '01a2075b-84f0-7001-9a74-b27daf6b32f6'),
	('default', 'User', 'externalId', 'ext-4', '01a2075b-84f0-7001-9a74-b27daf6b32f6'),
	('default', 'User', 'displayName', 'dname 1', '01a2075b-8514-7001-b84c-2cd0cfd6b102'),
	('default', 'User', 'emails.value', 'u5@example.com', '01a2075b-8514-7001-b84c-2cd0cfd6b102'),
	('default', 'User', 'externalId', 'ext-5', '01a2075b-8514-7001-b84c-2cd0cfd6b102'),
	('default', 'User', 'title', 't2', '01a2075b-8514-7001-b84c-2cd0cfd6b102'),
	('default', 'User', 'displayName', 'dname 2', '01a2075b-8518-7001-8bb1-f5f823e323d2'),
	('default', 'User', 'emails.value', 'u6@example.com', '01a2075b-8518-7001-8bb1-f5f823e323d2'),
	('default', 'User', 'externalId', 'ext-6', '01a2075b-8518-7001-8bb1-f5f823e323d2'),
	('default', 'User', 'title', 't0', '01a2075b-8518-7001-8bb1-f5f823e323d2'),
	('default', 'User', 'displayName', 'long xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', '01a2075b-851c-7001-ac44-64f394142769'),
	('default', 'User', 'emails.value', 'u7@example.com', '01a2075b-851c-7001-ac44-64f394142769'),
	('default', 'User', 'externalId', 'ext-7', '01a2075b-851c-7001-ac44-64f394142769'),
	('default', 'User', 'title', 't1', '01a2075b-851c-7001-ac44-64f394142769'),
	('default', 'User', 'displayName', 'dname 2', '01a2075b-851f-7001-92f5-6836f4fd635d'),
	('default', 'User', 'emails.value', 'u8@example.com', '01a2075b-851f-7001-92f5-6836f4fd635d'),
	('default', 'User', 'externalId', 'ext-8', '01a2075b-851f-7001-92f5-6836f4fd635d'),
	('default', 'User', 'displayName', 'dname 3', '01a2075b-8521-7001-9aca-749ca10c140c'),
	('default', 'User', 'emails.value', 'u9@example.com', '01a2075b-8521-7001-9aca-749ca10c140c'),
	('default', 'User', 'externalId', 'ext-9', '01a2075b-8521-7001-9aca-749ca10c140c'),
	('default', 'User', 'title', 't0', '01a2075b-8521-7001-9aca-749ca10c140c'),
	('default', 'User', 'displayName', 'dname 3', '01a2075b-8543-7001-84f6-96953f7c9c5f'),
	('default', 'User', 'emails.value', 'u10@example.com', '01a2075b-8543-7001-84f6-96953f7c9c5f'),
	('default', 'User', 'externalId', 'ext-10', '01a2075b-8543-7001-84f6-96953f7c9c5f'),
	('default', 'User', 'title', 't1', '01a2075b-8543-7001-84f6-96953f7c9c5f'),
	('default', 'User', 'displayName', 'dname 3', '01a2075b-8547-7001-8c7d-141beb9e6814'),
	('default', 'User', 'emails.value', 'u11@example.com', '01a2075b-8547-7001-8c7d-141beb9e6814'),
	('default', 'User', 'externalId', 'ext-11', '01a2075b-8547-7001-8c7d-141beb9e6814'),
	('default', 'User', 'title', 't2', '01a2075b-8547-7001-8c7d-141beb9e6814'),
	('default', 'User', 'displayName', 'dname 4', '01a2075b-8549-7001-bf5d-2d31a8e44389'),
	('default', 'User', 'emails.value', 'u12@example.com', '01a2075b-8549-7001-bf5d-2d31a8e44389'),
	('default', 'User', 'externalId', 'ext-12', '01a2075b-8549-7001-bf5d-2d31a8e44389'),
	('default', 'User', 'displayName', 'dname 4', '01a2075b-854b-7001-a315-700ee4e4dcd3'),
	('default', 'User', 'emails.value', 'u13@example.com', '01a2075b-854b-7001-a315-700ee4e4dcd3'),
	('default', 'User', 'externalId', 'ext-13', '01a2075b-854b-7001-a315-700ee4e4dcd3'),
	('default', 'User', 'title', 't1', '01a2075b-854b-7001-a315-700ee4e4dcd3'),
	('default', 'User', 'displayName', 'dname 5', '01a2075b-856e-7001-96fc-aa6d7ee74a04'),
	('default', 'User', 'emails.value', 'u15@example.com', '01a2075b-856e-7001-96fc-aa6d7ee74a04'),
	('default', 'User', 'externalId', 'ext-15', '01a2075b-856e-7001-96fc-aa6d7ee74a04'),
	('default', 'User', 'title', 't0', '01a2075b-856e-7001-96fc-aa6d7ee74a04'),
	('default', 'Group', 'displayName', 'group 0', '01a2075b-8572-7001-bb49-37d6cb332733'),
	('default', 'Group', 'externalId', 'g0', '01a2075b-8572-7001-bb49-37d6cb332733'),
	('default', 'Group', 'displayName', 'group 1', '01a2075b-8574-7001-b9c9-13acb698f81e'),
	('default', 'Group', 'externalId', 'g1', '01a2075b-8574-7001-b9c9-13acb698f81e'),
	('default', 'Group', 'externalId', 'g2', '01a2075b-8576-7001-918a-db78afd53fb5'),
	('default', 'Group', 'displayName', 'group 3', '01a2075b-8578-7001-834f-5d06cdfcf80f'),
	('default', 'Group', 'externalId', 'g3', '01a2075b-8578-7001-834f-5d06cdfcf80f'),
	('default', 'User', 'title', 'changed', '01a2075b-84de-7001-8a57-ed158aa20119'),
	('default', 'User', 'title', 'changed', '01a2075b-84f0-7001-9a74-b27daf6b32f6'),
	('default', 'User', 'title', 'changed', '01a2075b-851f-7001-92f5-6836f4fd635d'),
	('default', 'User', 'title', 'changed', '01a2075b-8549-7001-bf5d-2d31a8e44389'),
	('default', 'Group', 'displayName', 'renamed "group"', '01a2075b-8576-7001-918a-db78afd53fb5');
ALTER TABLE ONLY public.catalogue
    ADD CONSTRAINT catalogue_key PRIMARY KEY (tenant, kind);
ALTER TABLE ONLY public.change
    ADD CONSTRAINT change_key PRIMARY KEY (tenant, "position");
ALTER TABLE ONLY public.claim
    ADD CONSTRAINT claim_key PRIMARY KEY (tenant, kind, attr, token) INCLUDE (owner, holder);
ALTER TABLE ONLY public.consumer
    ADD CONSTRAINT consumer_key PRIMARY KEY (name);
ALTER TABLE ONLY public.credential
    ADD CONSTRAINT credential_key PRIMARY KEY (digest);
ALTER TABLE ONLY public.indexed
    ADD CONSTRAINT indexed_key PRIMARY KEY (tenant, kind, attr);
ALTER TABLE ONLY public.link
    ADD CONSTRAINT link_key PRIMARY KEY (tenant, holder, attr, target);
ALTER TABLE ONLY public.note
    ADD CONSTRAINT note_key PRIMARY KEY (name);
ALTER TABLE ONLY public.resource
    ADD CONSTRAINT resource_key PRIMARY KEY (tenant, kind, id);
ALTER TABLE ONLY public.secret
    ADD CONSTRAINT secret_key PRIMARY KEY (tenant, holder, attr);
ALTER TABLE ONLY public.tally
    ADD CONSTRAINT tally_key PRIMARY KEY (tenant, kind, attr, slot);
ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_key PRIMARY KEY (id);
ALTER TABLE ONLY public.term
    ADD CONSTRAINT term_key PRIMARY KEY (tenant, kind, attr, token, holder);
CREATE INDEX change_position ON public.change USING btree ("position");
CREATE INDEX claim_holder ON public.claim USING btree (owner, holder);
CREATE INDEX claim_long ON public.claim USING btree (tenant, kind, attr) WHERE (octet_length(token) > 256);
CREATE INDEX claim_order ON public.claim USING btree (tenant, kind, attr, holder, token);
CREATE INDEX credential_name ON public.credential USING btree (tenant, name, created);
CREATE INDEX link_target ON public.link USING btree (tenant, target, attr, holder_kind, holder, target_kind);
CREATE INDEX resource_modified ON public.resource USING btree (tenant, kind, modified, id);
CREATE INDEX term_long ON public.term USING btree (tenant, kind, attr) WHERE (octet_length(token) > 256);
CREATE INDEX term_order ON public.term USING btree (tenant, kind, attr, holder, token);
CREATE TRIGGER credential_moves AFTER INSERT OR DELETE OR UPDATE OF digest, tenant, name, rights, profile, subject, created, expires ON public.credential FOR EACH STATEMENT EXECUTE FUNCTION public.scim_control();
CREATE TRIGGER tenant_moves AFTER INSERT OR DELETE OR UPDATE ON public.tenant FOR EACH STATEMENT EXECUTE FUNCTION public.scim_control();
